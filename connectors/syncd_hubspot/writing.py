"""Writes in batches of 100, each row with its own outcome; a call or task gets its default association afterwards.

Rows are matched by objectWriteTraceId. A batch that is refused whole (a portal's validation rules do that) is split
until the refused row stands alone, so that the others are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from syncd.sdk import errors, records
from syncd_hubspot.api import Api, NotThere, Refused
from syncd_hubspot.options import Options
from syncd_hubspot.reading import BATCH
from syncd_hubspot.schema import PSEUDO, RECORD_ID, SECONDS, Schema

Json = dict[str, Any]
_ONE = {"calls": "call", "tasks": "task"}


@dataclass(frozen=True, slots=True)
class _Row:
    place: int
    change: records.Change
    input: Json


class Writer:
    """Writes to one portal."""

    def __init__(self, api: Api, schema: Schema, options: Options) -> None:
        self._api = api
        self._schema = schema
        self._options = options

    def leads(self, changes: Sequence[records.Change]) -> list[records.Outcome]:
        """Update people."""
        return self._write(self._options.object, changes, self._lead)

    def activities(self, kind: str, changes: Sequence[records.Change]) -> list[records.Outcome]:
        """Make or correct calls or tasks, then tie each to its record."""
        outcomes = self._write(kind, changes, partial(self._activity, kind))
        pairs = [
            (place, str(outcome.id), str(change.fields[RECORD_ID]))
            for place, (change, outcome) in enumerate(zip(changes, outcomes, strict=True))
            if outcome.error is None and change.fields.get(RECORD_ID)
        ]
        for start in range(0, len(pairs), BATCH):
            self._associate(kind, pairs[start : start + BATCH], outcomes)
        return outcomes

    # rows

    def _lead(self, change: records.Change) -> tuple[str, Json]:
        if change.kind != "update" or change.id is None:
            raise errors.Rejected([errors.Problem(f"{change.kind} of a HubSpot record is not done by syncd")])
        return "update", {"id": change.id, "properties": self._properties(self._options.object, change.fields)}

    def _activity(self, kind: str, change: records.Change) -> tuple[str, Json]:
        if change.kind == "remove":
            raise errors.Rejected([errors.Problem(f"{kind} are not removed by syncd")])
        properties = self._properties(kind, change.fields)
        if change.kind == "update" and change.id is not None:
            return "update", {"id": change.id, "properties": properties}
        if not change.fields.get(RECORD_ID):
            problem = errors.Problem(f"the {_ONE[kind]} belongs to no record", RECORD_ID, f"map `{RECORD_ID}: crm_id`")
            raise errors.Rejected([problem])
        key = self._options.key_properties.get(kind)
        if key is None:
            raise errors.Rejected([errors.Problem(f"{kind} are not configured", kind)])
        return "upsert", {"id": change.key.value, "idProperty": key, "properties": properties}

    def _properties(self, kind: str, fields: records.Fields) -> dict[str, str]:
        known = self._schema.properties(kind)
        found: dict[str, str] = {}
        problems: list[errors.Problem] = []
        for name, value in fields.items():
            own = name in PSEUDO.get(kind, {})
            if own and name == RECORD_ID:
                continue
            if own and name == SECONDS:
                if value is not None and not value.isdecimal():
                    problems.append(errors.Problem("whole seconds are expected", SECONDS, "correct the mapping"))
                else:
                    found["hs_call_duration"] = str(int(value) * 1000) if value else ""
                continue
            if name not in known:
                problems.append(errors.Problem(f"{kind} have no property {name}", name, "correct the mapping"))
                continue
            found[name] = self._schema.stored(kind, name, value) or ""
        if problems:
            raise errors.Rejected(problems)
        return found

    # batches

    def _write(
        self, kind: str, changes: Sequence[records.Change], row: Callable[[records.Change], tuple[str, Json]]
    ) -> list[records.Outcome]:
        outcomes = [records.Outcome(error=errors.RetryLater("not sent")) for _ in changes]
        rounds: dict[tuple[str, int], list[_Row]] = {}
        seen: dict[tuple[str, str], int] = {}
        for place, change in enumerate(changes):
            try:
                action, made = row(change)
            except errors.SyncdError as error:
                outcomes[place] = records.Outcome(error=error)
                continue
            identity = (action, made["id"])
            seen[identity] = seen.get(identity, -1) + 1  # the same record twice: one after the other
            made["objectWriteTraceId"] = str(place)
            rounds.setdefault((action, seen[identity]), []).append(_Row(place, change, made))
        for (action, _), rows in sorted(rounds.items(), key=lambda item: item[0][1]):
            for start in range(0, len(rows), BATCH):
                self._batch(kind, action, rows[start : start + BATCH], outcomes)
        return outcomes

    def _batch(self, kind: str, action: str, rows: Sequence[_Row], outcomes: list[records.Outcome]) -> None:
        urgent = any(row.change.urgent for row in rows)
        body = {"inputs": [row.input for row in rows]}
        try:
            path = self._api.objects(kind, f"/batch/{action}")
            answer = self._api.write(path, body, repeatable=action == "upsert", urgent=urgent)
        except Refused as refusal:
            if len(rows) > 1:
                half = len(rows) // 2
                self._batch(kind, action, rows[:half], outcomes)
                self._batch(kind, action, rows[half:], outcomes)
                return
            error: errors.SyncdError = errors.Rejected(problems(refusal.body))
        except NotThere:
            error = errors.Missing("the record is gone")
            if len(rows) > 1:
                error = errors.AuthFailed(f"HubSpot has no {kind} for this token", fix="see `syncd config check`")
        except errors.SyncdError as failure:
            error = failure
        else:
            self._settle(kind, action, rows, answer or {}, outcomes)
            return
        for row in rows:
            outcomes[row.place] = records.Outcome(error=error)

    def _settle(
        self, kind: str, action: str, rows: Sequence[_Row], answer: Json, outcomes: list[records.Outcome]
    ) -> None:
        """Match rows with results and errors: by trace id, else by id or by the unique property."""
        by_trace = {row.input["objectWriteTraceId"]: row for row in rows}
        by_id = {row.input["id"].casefold(): row for row in rows}
        name = self._options.key_properties.get(kind) if action == "upsert" else None
        unclear = errors.Ambiguous("HubSpot does not say what became of the row")
        for row in rows:
            outcomes[row.place] = records.Outcome(error=unclear)
        for failure in answer.get("errors") or ():
            context = failure.get("context") or {}
            traced = [by_trace.get(trace) for trace in context.get("objectWriteTraceId") or ()]
            named = [by_id.get(str(one).casefold()) for one in context.get("ids") or ()]
            for hit in traced if any(traced) else named:
                if hit is not None:
                    outcomes[hit.place] = records.Outcome(error=row_error(failure))
        for result in answer.get("results") or ():
            value = (result.get("properties") or {}).get(name) if name else result.get("id")
            hit = by_trace.get(result.get("objectWriteTraceId")) or by_id.get(str(value).casefold())
            if hit is not None:
                outcomes[hit.place] = records.Outcome(hit.change.id if action == "update" else str(result["id"]))

    def _associate(self, kind: str, pairs: Sequence[tuple[int, str, str]], outcomes: list[records.Outcome]) -> None:
        """Tie activities to their records; one that cannot be tied is not settled, and says why."""
        inputs = [{"from": {"id": own}, "to": {"id": record}} for _, own, record in pairs]
        path = self._api.associate(kind, self._options.object)
        unclear = errors.Ambiguous(f"HubSpot does not say whether the {_ONE[kind]} was tied to its record")
        gone = f"the record that the {_ONE[kind]} belongs to is gone"
        error: errors.SyncdError = unclear
        answer: Json = {}
        try:
            answer = self._api.write(path, {"inputs": inputs}, repeatable=True) or {}
        except (Refused, NotThere):
            if len(pairs) > 1:
                half = len(pairs) // 2
                self._associate(kind, pairs[:half], outcomes)
                self._associate(kind, pairs[half:], outcomes)
                return
            error = errors.Missing(gone)
        except errors.SyncdError as failure:
            error = failure
        tied = {str((one.get("from") or {}).get("id")) for one in answer.get("results") or ()}
        failed: dict[str, errors.SyncdError] = {}
        for one in answer.get("errors") or ():
            context = one.get("context") or {}
            for own in context.get("fromObjectId") or ():
                failed[str(own)] = row_error(one, gone=gone)
        for place, own, _ in pairs:
            if own not in tied or own in failed:
                outcomes[place] = records.Outcome(error=failed.get(own, error))


def row_error(failure: Mapping[str, Any], *, gone: str = "the record is gone") -> errors.SyncdError:
    """Given one error of a 207, return what it means."""
    category = str(failure.get("category", ""))
    if category == "OBJECT_NOT_FOUND":
        return errors.Missing(gone)
    if category in ("VALIDATION_ERROR", "CONFLICT", "OBJECT_ALREADY_EXISTS"):
        return errors.Rejected(problems(failure))
    if category == "RATE_LIMITS":
        return errors.RetryLater("HubSpot: too many requests", after_seconds=10.0)
    return errors.Ambiguous("HubSpot: a row failed for a reason of its own")


def problems(body: Mapping[str, Any]) -> list[errors.Problem]:
    """A refusal for people. A validation rule's own text is shown; other messages may hold values, so their code is."""
    found: list[errors.Problem] = []
    for one in body.get("errors") or ():
        code = str(one.get("code") or "refused")
        names = (one.get("context") or {}).get("propertyName") or [""]
        rule = code == "FAILED_VALIDATION"
        what = str(one.get("message", "")) if rule else f"HubSpot refuses the value ({code})"
        fix = "correct the value or the rule in HubSpot" if rule else "correct the mapping or the record"
        found.append(errors.Problem(what, str(names[0]), fix))
    return found or [errors.Problem(f"HubSpot refuses the change ({body.get('category', 'no reason given')})")]
