"""Leads are created, updated and taken out of dialling, with their callbacks, through the non-agent API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.sdk import errors, records
from syncd_vicidial import adding, answers, callbacks, custom, custom_writing, dnc, flags, mapped, text
from syncd_vicidial.api import Api
from syncd_vicidial.leads import Leads, carries, digits
from syncd_vicidial.mapped import NOT_COLUMNS
from syncd_vicidial.names import HOPPER_FIELD, KEY_FIELD, MARKER_FIELD
from syncd_vicidial.options import Options, is_list_id

_NEW = "NEW"  # the status that add_lead gives, whatever it is told
_NUMBERS = ("phone_number", "alt_phone")
_SHORTEST = 6  # digits of a number that can be on a do-not-call list
_OUT_FIX = "empty the callback's date in the CRM, or put the lead back into dialling"


class Writer:
    """Writes the stream "leads" of one server."""

    def __init__(
        self,
        api: Api,
        options: Options,
        leads: Leads,
        meaning: flags.Flags,
        words: text.Words,
        fields: custom.CustomFields,
    ) -> None:
        self._api = api
        self._options = options
        self._leads = leads
        self._flags = meaning
        self._dnc = dnc.Dnc(api, options)
        self._callbacks = callbacks.Callbacks(api, options)
        self._words = words
        self._custom = fields
        self._keys_stay = False  # seen once: a key that was planted is there
        self._mapped = mapped.Mapped(options, fields)
        self._beside = custom_writing.CustomWriting(options, leads, self._mapped, fields, self._sent_update)

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
        if change.plants:
            return self._plant(change.id or "", change.key)
        if change.kind == "update":
            return self._update(change, change.id or "")
        return self._remove(change.id or "", change.reason, numbers)

    def _create(self, change: records.Change) -> records.Outcome:
        columns, rest = self._mapped.split(change)
        values = adding.parameters(change, columns, self._words, self._options) | self._leads.dnc_checks()
        phone, list_id = values["phone_number"], values["list_id"]
        booking, notes = self._callbacks.booking(change.fields)
        values.update(booking or {})
        if booking is None:
            values.update(adding.hopper(change.fields.get(HOPPER_FIELD), self._options.hopper_priority))
        wanted = self._beside.wanted(list_id, columns, rest)
        with_add = bool(wanted.own) and self._custom.with_add
        if with_add:
            values |= {"custom_fields": "Y", **self._custom.wired(wanted.own)}
        try:
            lines = self._api.write("add_lead", values)
        except errors.Ambiguous:
            if with_add:  # a server whose PHP raises on the mistake in its SQL says HTTP 500 each time
                self._custom.not_with_add()
            raise
        lead_id = answers.added_lead(lines, phone=phone, list_id=list_id, user=self._api.user)
        if lead_id is not None:
            added = any("CUSTOM FIELDS VALUES ADDED" in line.message for line in lines)
            if with_add and not added:
                self._custom.not_with_add()
            status = self._words.wire("status", columns.get("status") or "") or _NEW
            refused = callbacks.refused(lines) if booking else None
            # a lead that waits for its callback has the status for it; where that is refused, what is mapped
            held = booking is not None and refused is None
            more = {"status": status} if status != _NEW and not held and not refused else {}
            done = self._beside.complete(lead_id, wanted, more, added=added)
            if held and columns.get("status"):
                done = replace(done, stored={**done.stored, "status": callbacks.HOLD})
            return self._without_callback(done, status, refused, (*notes, *answers.notes(lines)))
        if lines[0].kind == "ERROR" and all(line.kind == "ERROR" for line in lines):
            if "DUPLICATE" in lines[0].message:
                return self._duplicate(lines[0], change.key, list_id, complete=not wanted.own)
            error = answers.refusal(lines[0], "add_lead", self._api.user)
            if error is not None and not isinstance(error, errors.Missing):
                raise error
        raise errors.Ambiguous("add_lead does not say clearly which lead it added, if any")

    def _without_callback(
        self, done: records.Outcome, status: str, error: errors.Rejected | None, notes: tuple[str, ...]
    ) -> records.Outcome:
        """The outcome for a lead whose callback may have been refused: the lead must not go on waiting for it. What
        else could not be stored counts more: it is to be tried again, with the callback."""
        notes = (*done.notes, *notes)
        if error is None:
            return replace(done, notes=notes)
        failed: errors.SyncdError = error
        try:
            self._send_update(done.id or "", {"status": status})
        except (errors.Ambiguous, errors.Missing) as unclear:  # to be repeated, with the callback
            failed = errors.RetryLater(f"{unclear}, while the lead was taken out of {callbacks.HOLD}")
        except errors.SyncdError as refused:
            failed = refused
        unapplied = done.unapplied | frozenset(callbacks.NAMES)
        return replace(done, error=done.error or failed, notes=notes, unapplied=unapplied)

    def _duplicate(self, line: answers.Line, key: records.SyncKey, list_id: str, *, complete: bool) -> records.Outcome:
        lead_id = answers.duplicate_of(line, list_id)
        if lead_id is None:
            raise errors.Ambiguous("add_lead does not say clearly which lead has the number already")
        existing = self._leads.one(lead_id, frozenset({KEY_FIELD, MARKER_FIELD}))
        if existing is not None and carries(existing, key):
            if not complete:
                raise errors.Ambiguous("the lead is there already, perhaps without its custom fields")
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

    def _plant(self, lead_id: str, key: records.SyncKey) -> records.Outcome:
        """Key and marker into a lead that somebody else has made; nothing else of it changes."""
        values = {KEY_FIELD: key.value} | ({MARKER_FIELD: key.marker} if key.marker is not None else {})
        outcome = self._send_update(lead_id, {name: self._words.update(name, value) for name, value in values.items()})
        if not self._keys_stay:  # no recording shows update_lead changing the key of a lead that is named by its id
            lead = self._leads.one(lead_id, frozenset({KEY_FIELD, MARKER_FIELD}))
            if lead is None or not carries(lead, key):
                what = "update_lead says that the lead is updated, but it has not taken the key"
                fix = "look in VICIdial whether the API user may change vendor_lead_code and source_id"
                raise errors.Rejected([errors.Problem(what, KEY_FIELD, fix)])
            self._keys_stay = True
        return outcome

    def _update(self, change: records.Change, lead_id: str) -> records.Outcome:
        columns, rest = self._mapped.split(change)
        values = {
            name: self._words.update(name, value)
            for name, value in columns.items()
            if name not in NOT_COLUMNS  # the hopper is for new leads; who was dialled is not dialled again by a change
        }
        booked = {name: value for name, value in change.fields.items() if name in callbacks.NAMES}
        if not values and not rest and callbacks.AT not in booked:
            return records.Outcome(lead_id, notes=("nothing-to-send",))
        for name in sorted(text.NOT_CLEARABLE & values.keys()):
            if values[name] == self._words.update(name, None):
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
        has_custom = self._beside.are_in(columns, rest)
        if self._is_out(values.get("status", "")):
            values["callback"] = "REMOVE"  # when it came due it would be dialled, whatever its status
            outcome = self._send_update(lead_id, values)
            outcome = self._beside.follow(outcome, columns, rest) if has_custom else outcome
            return _out(outcome) if booked.get(callbacks.AT) else outcome
        if callbacks.AT in booked:
            outcome = self._update_with_callback(lead_id, values, booked, ())
            return self._beside.follow(outcome, columns, rest) if has_custom else outcome
        if has_custom:
            return self._beside.update(lead_id, values, columns, rest)
        return self._send_update(lead_id, values)

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
            done = records.Outcome(lead_id)
            return self._without_callback(done, back, callbacks.refused(lines), (*notes, *answers.notes(lines)))
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
        return records.Outcome(lead_id, notes=(*notes, *answers.notes(self._sent_update(lead_id, values))))

    def _sent_update(
        self, lead_id: str, values: Mapping[str, str], own: Mapping[str, str] | None = None
    ) -> list[answers.Line]:
        """The lines of an answer that says that the lead is updated, and that its custom fields `own` are; of a request
        that is about the callback alone, that this is done."""
        # behind other parameters: update_lead does not see a custom field that comes first
        parameters = {"lead_id": lead_id, **values, **({"custom_fields": "Y", **own} if own else {})}
        lines = self._api.write("update_lead", parameters)
        done = [line for line in lines if line.kind == "SUCCESS"]
        refused = [line for line in lines if line.kind == "ERROR"]
        stored = [line for line in lines if "CUSTOM FIELDS VALUES UPDATED" in line.message]
        if not refused and (stored or not own):
            if own and not values and not done:
                return lines
            if len(done) == 1 and done[0].function == "update_lead":
                fields = done[0].fields
                if "LEAD HAS BEEN UPDATED" in done[0].message and len(fields) >= 3 and fields[1] == lead_id:
                    return lines
        told = any(line.function == "update_lead" and line.message.startswith("SCHEDULED CALLBACK") for line in lines)
        if told and not done and not refused and not own and not values.keys() - callbacks.PARAMETERS:
            return lines
        if refused and not done:
            error = answers.refusal(refused[0], "update_lead", self._api.user)
            if error is not None:
                raise error
        raise errors.Ambiguous("update_lead gives an answer that is not understood")


def _out(outcome: records.Outcome) -> records.Outcome:
    """The outcome for a lead that must not be dialled, of a change that wants it called back."""
    what = errors.Problem("no callback is booked: the lead is out of dialling", callbacks.AT, _OUT_FIX)
    failed = outcome.error or errors.Rejected([what])
    return replace(outcome, error=failed, unapplied=outcome.unapplied | frozenset(callbacks.NAMES))
