"""A Salesforce org's REST, Bulk API 2.0 and login doors with its data in memory, and bad days on demand.

`with salesforce.serve() as sim:` in a thread; `main()` as a process. Its SOQL is parsed, its writes are checked by the
rules of `schema`; it refuses what the real API documents as refused. No live org was compared with it.
"""

from .command import main
from .server import Simulator, serve

__all__ = ["Simulator", "main", "serve"]
