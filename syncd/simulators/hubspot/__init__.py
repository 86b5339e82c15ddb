"""A HubSpot portal's CRM API with its data in memory, strict about what the real one refuses, and bad days on demand.

`with hubspot.serve() as sim:` in a thread; `main()` as a process. Facts: HubSpot's developer documentation, 2026-03.
"""

from .command import main
from .server import Simulator, serve

__all__ = ["Simulator", "main", "serve"]
