"""Writes: lead updates and Tasks, in composite collections of 200, one request after the other, ordered by parent.

Rows that failed because the lead was converted go to its contact. A collection that Salesforce cannot read as a whole
(HTTP 400) applied nothing, so it is halved until the row is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncd.sdk import errors
from syncd.sdk.records import Change, Outcome
from syncd_salesforce import answers, budget
from syncd_salesforce.api import Api
from syncd_salesforce.objects import Objects, select
from syncd_salesforce.options import SalesforceOptions
from syncd_salesforce.reading import Reader
from syncd_salesforce.tasks import planted

ROWS = 200


@dataclass(slots=True)
class _Row:
    """One change on its way. `parent`: the record that Salesforce locks for it; `external_id`: the field by which it is
    upserted."""

    place: int
    change: Change
    body: dict[str, Any] = field(default_factory=dict)
    object: str = ""
    parent: str = ""
    external_id: str | None = None


class Writer:
    """Writes to one org."""

    def __init__(self, api: Api, objects: Objects, reader: Reader, options: SalesforceOptions) -> None:
        self._api, self._objects, self._reader, self._options = api, objects, reader, options
        self._users: dict[str, str] | None = None

    def leads(self, changes: Sequence[Change]) -> list[Outcome]:
        """Update records of the configured object."""
        return self._all(changes, self._lead, self._lead_converted)

    def tasks(self, stream: str, changes: Sequence[Change]) -> list[Outcome]:
        """Create or correct the Tasks of "calls" or "tasks"."""
        return self._all(changes, partial(self._task, stream), self._task_converted)

    def _all(
        self,
        changes: Sequence[Change],
        prepare: Callable[[_Row], None],
        converted: Callable[[list[_Row]], Mapping[int, errors.SyncdError]],
    ) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        rows: list[_Row] = []
        for place, change in enumerate(changes):
            row = _Row(place, change)
            try:
                prepare(row)
                rows.append(row)
            except errors.UserError as error:
                outcomes[place] = Outcome(error=errors.Rejected(error.problems))
            except errors.LeaseLost:
                raise
            except errors.SyncdError as error:
                outcomes[place] = Outcome(error=error)
        for urgent in (True, False):
            with budget.urgent() if urgent else nullcontext():
                group = [row for row in rows if row.change.urgent is urgent]
                moved = self._send(group, outcomes)
                if moved:
                    self._follow(moved, converted, outcomes)
        return [outcomes[place] for place in range(len(changes))]

    def _follow(
        self,
        moved: list[_Row],
        converted: Callable[[list[_Row]], Mapping[int, errors.SyncdError]],
        outcomes: dict[int, Outcome],
    ) -> None:
        try:
            refused = converted(moved)
        except errors.LeaseLost:
            raise
        except errors.SyncdError as error:
            outcomes.update({row.place: Outcome(error=error) for row in moved})
            return
        outcomes.update({place: Outcome(error=error) for place, error in refused.items()})
        again = [row for row in moved if row.place not in refused]
        for row in self._send(again, outcomes):
            what = "the lead was converted and what it became cannot be written"
            outcomes[row.place] = Outcome(error=errors.Rejected([errors.Problem(what)]))

    def _send(self, rows: list[_Row], outcomes: dict[int, Outcome]) -> list[_Row]:
        """Send rows in order of their parents; return those that failed since a lead was converted."""
        moved: list[_Row] = []
        kinds: dict[tuple[str, str, str], list[list[_Row]]] = {}
        for row in sorted(rows, key=lambda one: (one.parent, one.place)):
            batches = kinds.setdefault((*self._door(row), row.object), [])
            name = self._identity(row)
            for batch in batches:  # a record may stand only once in a collection
                if len(batch) < ROWS and all(self._identity(one) != name for one in batch):
                    batch.append(row)
                    break
            else:
                batches.append([row])
        for (method, path, _), batches in kinds.items():
            for batch in batches:
                moved += self._collection(method, path, batch, outcomes)
        return moved

    def _identity(self, row: _Row) -> str:
        return str(row.body.get("id") or row.change.key.value)

    def _door(self, row: _Row) -> tuple[str, str]:
        if "id" in row.body:
            return "PATCH", "composite/sobjects"
        if row.external_id is None:
            return "POST", "composite/sobjects"
        return "PATCH", f"composite/sobjects/{row.object}/{row.external_id}"

    def _collection(self, method: str, path: str, batch: list[_Row], outcomes: dict[int, Outcome]) -> list[_Row]:
        records = [{"attributes": {"type": row.object}, **row.body} for row in batch]
        try:
            told = self._api.write(method, path, {"allOrNone": False, "records": records})
        except errors.Rejected as error:
            if len(batch) > 1:
                half = len(batch) // 2
                return [
                    *self._collection(method, path, batch[:half], outcomes),
                    *self._collection(method, path, batch[half:], outcomes),
                ]
            outcomes[batch[0].place] = Outcome(error=error)
            return []
        except errors.LeaseLost:
            raise
        except errors.SyncdError as error:
            outcomes.update({row.place: Outcome(error=error) for row in batch})
            return []
        if not isinstance(told, list) or len(told) != len(batch):
            unclear = errors.Ambiguous("Salesforce answers a collection with another number of rows")
            outcomes.update({row.place: Outcome(error=unclear) for row in batch})
            return []
        moved, plain = [], []
        for row, one in zip(batch, told, strict=True):
            if one.get("success"):
                outcomes[row.place] = Outcome(str(one.get("id") or row.body.get("id")))
                continue
            first = (one.get("errors") or [{}])[0]
            code, fields = str(first.get("statusCode", "")), [str(name) for name in first.get("fields") or ()]
            if code == answers.CONVERTED:
                moved.append(row)
            elif code == "INVALID_FIELD_FOR_INSERT_UPDATE" and fields == ["TaskSubtype"]:
                row.body.pop("TaskSubtype")  # the Task is there already: only a create may say its subtype
                plain.append(row)
            else:
                outcomes[row.place] = Outcome(error=answers.of_row(code, fields))
        return [*moved, *(self._collection(method, path, plain, outcomes) if plain else ())]

    # leads

    def _lead(self, row: _Row) -> None:
        change, name = row.change, self._options.object
        if change.kind != "update" or change.id is None:
            reason = f"records of {name} are only ever updated; create and remove are the CRM's"
            raise errors.Rejected([errors.Problem(reason, name)])
        row.object, row.parent = name, change.id
        row.body = {"id": change.id, **self._values(name, change.fields, creating=False)}

    def _lead_converted(self, rows: list[_Row]) -> dict[int, errors.SyncdError]:
        """Turn rows of converted leads into rows of their contacts."""
        contacts = self._contacts([row.parent for row in rows])
        refused: dict[int, errors.SyncdError] = {}
        known = self._objects.fields("Contact")
        for row in rows:
            contact = contacts.get(row.parent)
            if contact is None:
                refused[row.place] = errors.Missing("the lead was converted and its contact is gone")
                continue
            named = {self._options.contact_fields.get(name, name): text for name, text in row.change.fields.items()}
            lacking = [name for name in named if name not in known or not known[name].updateable]
            if lacking:
                fix = "make these fields on Contact or map them with contact_fields"
                problem = errors.Problem(
                    "the lead was converted and its contact lacks a field", ", ".join(lacking), fix
                )
                refused[row.place] = errors.Rejected([problem])
                continue
            try:
                row.body = {"id": contact, **self._values("Contact", named, creating=False)}
            except errors.Rejected as error:
                refused[row.place] = error
            row.object, row.parent = "Contact", contact
        return refused

    # calls and callbacks

    def _task(self, stream: str, row: _Row) -> None:
        change, options = row.change, self._options
        if change.kind == "remove":
            raise errors.Rejected([errors.Problem(f"{stream} are never removed", "Task")])
        creating = change.kind == "create"
        body = self._values("Task", change.fields, creating=creating)
        if creating:
            given = {"Subject": options.tasks.subject}
            if stream == "calls":
                given = {"Subject": options.calls.subject, "Status": options.calls.status, "TaskSubtype": "Call"}
            body = {**given, **body, options.key_field(stream): planted(stream, change.key.value)}
            row.external_id = options.external_id(stream)
        else:
            body["id"] = change.id
        row.object, row.body, row.parent = "Task", body, str(body.get("WhoId") or change.id or "")

    def _task_converted(self, rows: list[_Row]) -> dict[int, errors.SyncdError]:
        contacts = self._contacts([str(row.body.get("WhoId") or "") for row in rows])
        refused: dict[int, errors.SyncdError] = {}
        for row in rows:
            contact = contacts.get(str(row.body.get("WhoId") or ""))
            if contact is None:
                refused[row.place] = errors.Missing("the lead was converted and its contact is gone")
            else:
                row.body["WhoId"] = row.parent = contact
        return refused

    def _contacts(self, leads: Sequence[str]) -> dict[str, str]:
        ids = ", ".join(f"'{one}'" for one in sorted(set(leads)) if one.isalnum())
        rows = self._reader.query(select(["Id", "ConvertedContactId"], "Lead", f"Id IN ({ids})")) if ids else []
        return {row["Id"]: row["ConvertedContactId"] for row in rows if row["ConvertedContactId"]}

    # values

    def _values(self, name: str, fields: Mapping[str, str | None], *, creating: bool) -> dict[str, Any]:
        known = self._objects.fields(name, tuple(fields))
        problems, found = [], {}
        for key, text in fields.items():
            one = known.get(key)
            if one is None or not (one.createable if creating else one.updateable or key == "TaskSubtype"):
                problems.append(errors.Problem("the field is not there or the user may not write it", f"{name}.{key}"))
            elif name == "Task" and key == "Type":
                problems.append(errors.Problem("syncd never writes it; map TaskSubtype or CallType", "Task.Type"))
            elif key == "TaskSubtype" and not creating:
                continue
            else:
                try:
                    found[key] = self.user(text) if key == "OwnerId" and text else one.send(text)
                except ValueError as error:
                    problems.append(errors.Problem(str(error), f"{name}.{key}"))
        if problems:
            raise errors.Rejected(problems)
        return found

    def user(self, text: str) -> str:
        """An owner's id from an id, e-mail or username; raise ValueError for none or several."""
        if text.startswith(("005", "00G")) and len(text) in (15, 18):
            return text
        if self._users is None:
            self._users = {}
            emails: dict[str, list[str]] = {}
            for row in self._reader.query("SELECT Id, Username, Email FROM User WHERE IsActive = true"):
                self._users[str(row["Username"]).casefold()] = row["Id"]
                emails.setdefault(str(row["Email"]).casefold(), []).append(row["Id"])
            self._users = {mail: ids[0] for mail, ids in emails.items() if len(ids) == 1} | self._users
        found = self._users.get(text.casefold())
        if found is None:
            raise ValueError("no single active user has this username or e-mail")
        return found
