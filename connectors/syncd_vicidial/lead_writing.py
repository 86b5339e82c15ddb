"""Leads are created, updated and taken out of dialling, with their callbacks, through the non-agent API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.sdk import errors, records
from syncd_vicidial import answers, callbacks, dnc, flags, text
from syncd_vicidial.api import Api
from syncd_vicidial.leads import KEY_FIELD, MARKER_FIELD, Leads, carries, digits
from syncd_vicidial.options import Options, is_list_id

HOPPER_FIELD = "hopper_priority"
_NOT_COLUMNS = frozenset({HOPPER_FIELD, *callbacks.NAMES})  # written with a lead, but not into it
_NUMBERS = ("phone_number", "alt_phone")
_SHORTEST = 6  # digits of a number that can be on a do-not-call list
_OUT_FIX = "empty the callback's date in the CRM, or put the lead back into dialling"


class Writer:
    """Writes the stream "leads" of one server."""

    def __init__(self, api: Api, options: Options, leads: Leads, meaning: flags.Flags) -> None:
        self._api = api
        self._options = options
        self._leads = leads
        self._flags = meaning
        self._dnc = dnc.Dnc(api, options)
        self._callbacks = callbacks.Callbacks(api, options)
        self._non_latin = options.use_non_latin

    def write(self, changes: Sequence[records.Change]) -> list[records.Outcome]:
        """Apply the changes, several in flight; one outcome per change, in order."""
        results = self._api.each(self._apply, changes)
        return [
            records.Outcome(error=result) if isinstance(result, errors.SyncdError) else result for result in results
        ]

    def _apply(self, change: records.Change) -> records.Outcome:
        if change.kind == "create":
            return self._create(change)
        numbers = (change.fields.get("phones") or "").split() if change.kind == "remove" else []
        if change.id is None and numbers:
            self._dnc.add(numbers, self._options.opt_out_lists)
            return records.Outcome()
        if not re.fullmatch(r"[1-9]\d*", change.id or ""):
            raise errors.Rejected([errors.Problem("a lead's id is a number", "id", "drop the link of this record")])
        if change.kind == "update":
            return self._update(change, change.id or "")
        return self._remove(change.id or "", change.reason, numbers)

    def _create(self, change: records.Change) -> records.Outcome:
        self._refuse_unknown(change)
        values = {
            name: text.wire(name, value) for name, value in change.fields.items() if value and name not in _NOT_COLUMNS
        }
        phone = values["phone_number"] = digits(values.get("phone_number", ""))
        list_id = values.get("list_id", "")
        if not is_list_id(list_id):
            raise errors.Rejected(
                [
                    errors.Problem(
                        "the lead has no list" if not list_id else "a list id has 3 to 14 digits",
                        "list_id",
                        "map `list_id`, with a default for whatever no rule matches",
                    )
                ]
            )
        values[KEY_FIELD] = change.key.value
        if change.key.marker is not None:
            values[MARKER_FIELD] = change.key.marker
        values.update(self._leads.dnc_checks())
        if self._options.list_exists_check:
            values["list_exists_check"] = "Y"
        booking, notes = self._callbacks.booking(change.fields)
        values.update(booking or {})
        priority = _priority(change.fields.get(HOPPER_FIELD), self._options.hopper_priority)
        if priority is not None and booking is None:  # never outside of the hours in which the lead may be called
            values |= {"add_to_hopper": "Y", "hopper_priority": str(priority), "hopper_local_call_time_check": "Y"}
        if self._options.duplicate_check:
            values["duplicate_check"] = self._options.duplicate_check
        lines = self._api.write("add_lead", values)
        lead_id = answers.added_lead(lines, phone=phone, list_id=list_id, user=self._api.user)
        if lead_id is not None:
            notes = (*self._changed(change.fields), *notes, *_notices(lines))
            refused = callbacks.refused(lines) if booking else None
            return self._without_callback(lead_id, values.get("status", "NEW"), refused, notes)
        if lines[0].kind == "ERROR" and all(line.kind == "ERROR" for line in lines):
            if "DUPLICATE" in lines[0].message:
                return self._duplicate(lines[0], change.key, list_id)
            error = answers.refusal(lines[0], "add_lead", self._api.user)
            if error is not None and not isinstance(error, errors.Missing):
                raise error
        raise errors.Ambiguous("add_lead does not say clearly which lead it added, if any")

    def _without_callback(
        self, lead_id: str, status: str, error: errors.Rejected | None, notes: tuple[str, ...]
    ) -> records.Outcome:
        """The outcome for a lead whose callback may have been refused: the lead must not go on waiting for it."""
        if error is None:
            return records.Outcome(lead_id, notes=notes)
        unapplied = frozenset(callbacks.NAMES)
        try:
            self._send_update(lead_id, {"status": status})
        except (errors.Ambiguous, errors.Missing) as unclear:  # to be repeated, with the callback
            again = errors.RetryLater(f"{unclear}, while the lead was taken out of {callbacks.HOLD}")
            return records.Outcome(lead_id, again, notes, unapplied)
        except errors.SyncdError as failed:
            return records.Outcome(lead_id, failed, notes, unapplied)
        return records.Outcome(lead_id, error, notes, unapplied)

    def _duplicate(self, line: answers.Line, key: records.SyncKey, list_id: str) -> records.Outcome:
        lead_id = answers.duplicate_of(line, list_id)
        if lead_id is None:
            raise errors.Ambiguous("add_lead does not say clearly which lead has the number already")
        existing = self._leads.one(lead_id, frozenset({KEY_FIELD, MARKER_FIELD}))
        if existing is not None and carries(existing, key):
            return records.Outcome(lead_id, notes=("was-there",))
        raise errors.Rejected(
            [
                errors.Problem(
                    f"the number belongs to lead {lead_id} already",
                    "phone_number",
                    "decide which record keeps it, or remove the option duplicate_check",
                )
            ]
        )

    def _update(self, change: records.Change, lead_id: str) -> records.Outcome:
        self._refuse_unknown(change)
        values = {
            name: text.update_value(name, value, use_non_latin=self._non_latin)
            for name, value in change.fields.items()
            if name not in _NOT_COLUMNS  # the hopper is for new leads; who was dialled is not dialled again by a change
        }
        booked = {name: value for name, value in change.fields.items() if name in callbacks.NAMES}
        if not values and callbacks.AT not in booked:
            return records.Outcome(lead_id, notes=("nothing-to-send",))
        for name in sorted(text.NOT_CLEARABLE & values.keys()):
            if values[name] == text.update_value(name, None, use_non_latin=self._non_latin):
                raise errors.Rejected(
                    [errors.Problem(f"{name} cannot be empty", name, f"correct the record, or do not `clear` {name}")]
                )
        if "phone_number" in values:
            values["phone_number"] = digits(values["phone_number"])
            if not 6 <= len(values["phone_number"]) <= 16:
                raise errors.Rejected(
                    [
                        errors.Problem(
                            "a phone number has 6 to 16 digits", "phone_number", "correct the phone in the CRM"
                        )
                    ]
                )
            self._leads.screen(values["phone_number"], values.get("phone_code", "1"))
            values["update_phone_number"] = "Y"
        if "list_id" in values:
            values["list_id_field"] = values.pop("list_id")
            if not is_list_id(values["list_id_field"]):
                raise errors.Rejected(
                    [errors.Problem("a list id has 3 to 14 digits", "list_id", "correct the mapping")]
                )
            if self._options.list_exists_check:
                values["list_exists_check"] = "Y"
        notes = self._changed(change.fields)
        if self._is_out(values.get("status", "")):
            values["callback"] = "REMOVE"  # when it came due it would be dialled, whatever its status
            outcome = self._send_update(lead_id, values, notes)
            return _out(outcome) if booked.get(callbacks.AT) else outcome
        if callbacks.AT in booked:
            return self._update_with_callback(lead_id, values, booked, notes)
        return self._send_update(lead_id, values, notes)

    def _is_out(self, status: str) -> bool:
        """Whether a lead of this status must not be dialled."""
        own = (self._options.opt_out_status, self._options.removed_status)
        return bool(status) and (status in own or self._flags.standing(status) != "no")

    def _update_with_callback(
        self, lead_id: str, values: dict[str, str], booked: records.Fields, notes: tuple[str, ...]
    ) -> records.Outcome:
        """A lead that waits for its callback has the status for it, so that it is not dialled before, and has it no
        longer than that: without the callback it becomes what it was, or what the mapping says."""
        lead = self._leads.one(lead_id, frozenset({"status", "called_count"}))
        if lead is None:
            raise errors.Missing("the lead is gone")
        status = lead.fields["status"] or ""
        fresh = (lead.fields["called_count"] or "0") == "0"
        back = values.get("status") or (status if status != callbacks.HOLD else "NEW" if fresh else callbacks.CAME_DUE)
        if self._is_out(status) and booked[callbacks.AT]:
            return _out(self._send_update(lead_id, values, notes) if values else records.Outcome(lead_id))
        step = self._callbacks.step(lead_id, booked)
        notes = (*notes, *step.notes)
        if step.kind == "book":
            if step.afresh:
                self._sent_update(lead_id, {"callback": "REMOVE"})
            values |= {**step.parameters, "remove_from_hopper": "Y"}
            if "live" not in self._flags.of_lead(status).split():
                values["status"] = callbacks.HOLD
            try:
                lines = self._sent_update(lead_id, values)
            except errors.RetryLater as error:
                if step.afresh:  # what was booked is gone: nothing is as it was
                    raise errors.Ambiguous(str(error)) from None
                raise
            return self._without_callback(lead_id, back, callbacks.refused(lines), (*notes, *_notices(lines)))
        if step.kind == "cancel":
            values |= {"callback": "REMOVE", "remove_from_hopper": "Y"}
        if status == callbacks.HOLD and not step.waits:
            values["status"] = back
        elif step.waits:
            values.pop("status", None)
        return self._send_update(lead_id, values, notes) if values else records.Outcome(lead_id, notes=notes)

    def _remove(self, lead_id: str, reason: str, numbers: Sequence[str]) -> records.Outcome:
        """Out of dialling first, then onto the do-not-call lists, with the lead's own numbers."""
        status = self._options.opt_out_status
        lists = self._options.opt_out_lists if reason == "opt_out" else ()
        lead = self._leads.one(lead_id, frozenset({"status", *_NUMBERS})) if reason != "opt_out" or lists else None
        if reason != "opt_out":
            status = self._options.removed_status
            standing = lead.fields["status"] or "" if lead is not None else ""
            mark = self._flags.standing(standing) if standing else "no"
            if mark == "dnc":
                status = standing  # somebody's do-not-call mark is stronger than our reason
            elif mark == "maybe":  # it may still be dialled in the campaign of this lead
                status = self._options.opt_out_status
        gone: errors.Missing | None = None
        outcome = records.Outcome(lead_id)
        try:
            outcome = self._send_update(lead_id, {"status": status, "remove_from_hopper": "Y", "callback": "REMOVE"})
        except errors.Missing as error:  # its numbers may come back with another lead
            gone = error
        own = [digits(lead.fields[name] or "") for name in _NUMBERS] if lead is not None and lists else []
        self._dnc.add([*numbers, *(number for number in own if len(number) >= _SHORTEST)], lists)
        if gone is not None:
            raise gone
        return outcome

    def _send_update(self, lead_id: str, values: Mapping[str, str], notes: tuple[str, ...] = ()) -> records.Outcome:
        return records.Outcome(lead_id, notes=(*notes, *_notices(self._sent_update(lead_id, values))))

    def _sent_update(self, lead_id: str, values: Mapping[str, str]) -> list[answers.Line]:
        """The lines of an answer that says that the lead is updated; of a request that is about the callback alone,
        that this is done."""
        lines = self._api.write("update_lead", {"lead_id": lead_id, **values})
        done = [line for line in lines if line.kind == "SUCCESS"]
        refused = [line for line in lines if line.kind == "ERROR"]
        if len(done) == 1 and not refused and done[0].function == "update_lead":
            fields = done[0].fields
            if "LEAD HAS BEEN UPDATED" in done[0].message and len(fields) >= 3 and fields[1] == lead_id:
                return lines
        told = any(line.function == "update_lead" and line.message.startswith("SCHEDULED CALLBACK") for line in lines)
        if told and not done and not refused and not values.keys() - callbacks.PARAMETERS:
            return lines
        if refused and not done:
            error = answers.refusal(refused[0], "update_lead", self._api.user)
            if error is not None:
                raise error
        raise errors.Ambiguous("update_lead gives an answer that is not understood")

    def _refuse_unknown(self, change: records.Change) -> None:
        problems = [
            errors.Problem(f"VICIdial's leads have no field {name}", name, "correct the mapping")
            for name in sorted(change.fields.keys() - text.FIELDS.keys() - _NOT_COLUMNS)
        ]
        reserved = {KEY_FIELD} | ({MARKER_FIELD} if change.key.marker is not None else set())
        problems += [
            errors.Problem(f"{name} holds what syncd finds the lead by", name, "map another field")
            for name in sorted(change.fields.keys() & reserved)
        ]
        if problems:
            raise errors.Rejected(problems)

    def _changed(self, fields: records.Fields) -> tuple[str, ...]:
        for name, value in fields.items():
            if value and name in text.FIELDS and text.canonical(name, value, use_non_latin=self._non_latin) != value:
                return ("values-changed",)
        return ()


def _out(outcome: records.Outcome) -> records.Outcome:
    """The outcome for a lead that must not be dialled, of a change that wants it called back."""
    what = errors.Problem("no callback is booked: the lead is out of dialling", callbacks.AT, _OUT_FIX)
    return replace(outcome, error=errors.Rejected([what]), unapplied=frozenset(callbacks.NAMES))


def _priority(mapped: str | None, default: int | None) -> int | None:
    """The place in the hopper that a new lead gets, None where it waits for its turn."""
    if not mapped:
        return default
    if not re.fullmatch(r"-?\d{1,2}", mapped.strip()):
        what = "a hopper priority is a whole number from -99 to 99"
        raise errors.Rejected([errors.Problem(what, HOPPER_FIELD, "correct the record or the mapping")])
    return int(mapped)


def _notices(lines: Sequence[answers.Line]) -> tuple[str, ...]:
    """What is worth storing of an answer; that there was no callback to take back is not."""
    nothing = [line for line in lines if "CALLBACK DELETED" in line.message and line.fields[2:3] == ("0",)]
    return tuple(line.code for line in lines if line.kind == "NOTICE" and line not in nothing)
