"""A stock VICIdial's HTTP interfaces with its data in memory, and faults on demand.

`with vicidial.serve() as sim:` in a thread; `main()` as a process. It answers as recorded from a running server
(tests/data), so it is a model of the rules, not a list of answers.
"""

from .command import main
from .server import Simulator, serve

__all__ = ["Simulator", "main", "serve"]
