"""All leads in the order of their ids, read in VICIdial's own database: its API lists none."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.sdk import errors, protocol, records
from syncd_vicidial import all_info
from syncd_vicidial.database import Database
from syncd_vicidial.leads import Leads
from syncd_vicidial.names import FLAGS_FIELD

_NO_DATABASE = (
    "VICIdial's API lists no leads; with `database:` (read only, SELECT on vicidial_list) all of them are seen"
)


class Listing:
    """See `protocol.Lists`. Columns that only the API tells (custom fields) are left out."""

    def __init__(self, leads: Leads, database: Database | None) -> None:
        self._leads = leads
        self._database = database

    def unlistable(self, fields: Sequence[str]) -> str:
        """Why leads with these fields cannot be listed, "" where they can. Raises RetryLater."""
        if self._database is None:
            return _NO_DATABASE
        names = ", ".join(_columns(fields))
        try:
            self._database.rows(f"SELECT {names} FROM vicidial_list LIMIT 0")  # noqa: S608 – our own names
        except errors.AuthFailed:
            return f"the database user may not read all that is compared: GRANT SELECT ({names}) ON vicidial_list"
        except errors.UserError as error:
            return "; ".join(map(str, error.problems))
        return ""

    def listed(self, fields: Sequence[str], after: str, limit: int) -> protocol.Listing:
        """The next leads. Raises AuthFailed, RetryLater, UserError."""
        if self._database is None:
            raise errors.UserError(_NO_DATABASE)
        columns = _columns(fields)
        statement = (
            f"SELECT {', '.join(columns)} FROM vicidial_list "  # noqa: S608 – our own names
            "WHERE lead_id > %s ORDER BY lead_id LIMIT %s"
        )
        rows = self._database.rows(statement, (int(after or "0"), limit))
        found = []
        for row in rows:
            values = {name: value or "" for name, value in zip(columns, row, strict=True)}
            found.append(records.Record(values["lead_id"], self._leads.readable(values, fields)))
        return protocol.Listing(found, found[-1].id if len(found) == limit else None)


def _columns(fields: Sequence[str]) -> list[str]:
    wanted = {*fields} | ({"status"} if FLAGS_FIELD in fields else set())
    return ["lead_id", *sorted(wanted.intersection(all_info.COLUMNS) - {"lead_id"})]
