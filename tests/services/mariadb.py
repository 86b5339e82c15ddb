"""MariaDB for the tests: an installed server on a private folder and socket."""

import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pymysql
from sqlalchemy import URL

from tests.services import process
from tests.services.missing import missing

# Nothing here outlives the test run, so nothing needs to survive a power cut.
FAST = (
    "--innodb-use-native-aio=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
)
SCRIPTS = (Path("/usr/share/mariadb"), Path("/usr/share/mysql"))


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as its socket."""

    path: Path

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the SQLAlchemy URL of a fresh utf8mb4 database, dropped at the end."""
        name = f"syncd_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        query = {"unix_socket": str(self.path), "charset": "utf8mb4"}
        try:
            yield URL.create("mysql+pymysql", username="root", database=name, query=query).render_as_string()
        finally:
            self._execute(f"DROP DATABASE {name}")

    def answers(self) -> bool:
        """Say whether the server accepts connections."""
        # Not by pymysql: it leaves its socket open when the connection is refused, and the tests fail on such.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path)) == 0

    def _execute(self, statement: str) -> None:
        connection = pymysql.connect(user="root", unix_socket=str(self.path))
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """Yield a server for the whole test run; skip or fail where there is none."""
    # Debian keeps the daemon where only root's PATH looks.
    daemon = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
    scripts = next((folder for folder in SCRIPTS if folder.is_dir()), None)
    if daemon is None or scripts is None:
        missing("no MariaDB server; on Debian and Ubuntu: apt-get install mariadb-server-core")
    with process.private_folder() as folder:
        data = folder / "data"
        data.mkdir()
        process.own(data)
        base = [daemon, "--no-defaults", f"--datadir={data}", *FAST]
        process.run([*base, "--bootstrap"], folder=folder, text=_system_tables(scripts))
        path = folder / "mariadb.sock"
        command = [*base, f"--socket={path}", "--skip-networking", "--innodb-fast-shutdown=2"]
        found_server = Server(path)
        with process.server(command, folder=folder, ready=found_server.answers, stop=signal.SIGTERM):
            yield found_server


def _system_tables(scripts: Path) -> str:
    """Return what mariadb-install-db feeds to the server; itself it needs programs of the client package."""
    sources = (scripts / name for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql"))
    lines = (line for source in sources for line in source.read_text().splitlines() if "@current_hostname" not in line)
    return "\n".join(["CREATE DATABASE mysql;", "USE mysql;", "SET @auth_root_socket = NULL;", *lines, ""])
