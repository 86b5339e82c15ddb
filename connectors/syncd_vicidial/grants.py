"""What a user of VICIdial's database may do there, and what it must not: a reader that could write is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"`(?:[^`]|``)*`")
_GRANT = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>.+?) TO (?P<whom>\S+)(?P<more>.*)", re.DOTALL)
_ROLE = re.compile(r"GRANT (?P<role>\S+) TO ")
_COLUMNS = re.compile(r"\([^)]*\)")
_STORED = re.compile("\0(\\d+)\0")
# Says nothing of what the user may do now: a role counts by its own line, and a revoked privilege is a smaller one.
_NO_GRANT = ("SET DEFAULT ROLE ", "REVOKE ")
_HARMLESS = frozenset(
    {
        "USAGE",
        "SELECT",
        "SHOW VIEW",
        "SHOW DATABASES",
        "PROCESS",
        "REPLICATION CLIENT",
        "BINLOG MONITOR",
        "SLAVE MONITOR",
        "REPLICA MONITOR",
    }
)

_PERSONAL = ("vicidial_list",)  # holds much more of people than is read: the grant is for columns

Needed = Mapping[str, tuple[str, ...]]
"""Table → the columns that are read of it."""


def too_much(lines: Iterable[str]) -> list[str]:
    """Given the lines of SHOW GRANTS, say what lets the user do more than read; what is not understood counts, too.

    The lines themselves hold the hash of the password and are never quoted."""
    found: list[str] = []
    for line in lines:
        if line.startswith(_NO_GRANT):
            continue
        plain, names = _without_names(line)
        grant, role = _GRANT.fullmatch(plain), _ROLE.match(plain)
        if grant is None:
            found.append(f"the role {_restored(role['role'], names)}" if role else "a grant that is not understood")
            continue
        held = [one.strip() for one in _COLUMNS.sub("", grant["what"]).split(",")]
        more = [one for one in held if one.upper() not in _HARMLESS]
        if "WITH GRANT OPTION" in grant["more"]:
            more.append("GRANT OPTION")
        if more:
            found.append(f"{', '.join(more)} ON {_restored(grant['where'], names)}")
    return found


def _without_names(line: str) -> tuple[str, list[str]]:
    """The line with a number instead of each quoted name, which may hold anything, and the names."""
    names: list[str] = []

    def put_aside(name: re.Match[str]) -> str:
        names.append(name[0])
        return f"\0{len(names) - 1}\0"

    return _NAME.sub(put_aside, line), names


def _restored(text: str, names: list[str]) -> str:
    return _STORED.sub(lambda found: names[int(found[1])], text)


def statements(needed: Needed, database: str, account: str) -> str:
    """The statements that give a user (as CURRENT_USER() tells it) what it needs and no more, for a person to run."""
    user, _, host = account.rpartition("@")
    quoted = "@".join("'{}'".format(part.replace("'", "''")) for part in (user, host))
    columns = {table: f" ({', '.join(needed[table])})" for table in _PERSONAL if table in needed}
    return "; ".join(f"GRANT SELECT{columns.get(table, '')} ON `{database}`.{table} TO {quoted}" for table in needed)
