"""Leads: looked up by id and by key, created, updated and taken out of dialling through the non-agent API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, dnc, flags, lists, text
from syncd_vicidial.api import Api
from syncd_vicidial.options import Options, is_list_id

KEY_FIELD = "vendor_lead_code"
HOPPER_FIELD = "hopper_priority"
MARKER_FIELD = "source_id"
FLAGS_FIELD = "flags"  # what the lead's status means, as of calls
_READABLE = frozenset({*all_info.COLUMNS, FLAGS_FIELD})
_MOST_HITS = 10_000  # leads of all phones of one search
_PHONES_AT_ONCE = 50
_NUMBERS = ("phone_number", "alt_phone")
_SHORTEST = 6  # digits of a number that can be on a do-not-call list


class Leads:
    """The stream "leads" of one server."""

    def __init__(self, api: Api, options: Options, meaning: flags.Flags) -> None:
        self._api = api
        self._flags = meaning
        self._options = options
        self._dnc = dnc.Dnc(api, options)
        self._non_latin = options.use_non_latin
        self._zone = options.zone()
        # Without the server's time zone its times mean nothing.
        self._readable = _READABLE if self._zone is not None else _READABLE - {"last_local_call_time"}

    # -- reading

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[records.Record]:
        """The leads of these ids that exist. Raises AuthFailed, RetryLater."""
        wanted = frozenset(fields) & self._readable or self._readable
        found = self._api.all(lambda lead_id: self._lead(lead_id, wanted), ids)
        return [record for record in found if record is not None]

    def find(self, keys: Sequence[tuple[records.SyncKey, records.Fields]]) -> list[list[records.Record]]:
        """For each key the leads that carry it. The way in is the phone; VICIdial has no index on the key, so without a
        phone the whole table is searched. A lead whose phone was changed since is not found through the old one."""
        phones = [_digits(near.get("phone_number") or "") for _, near in keys]
        by_phone = self._search("phone_number", [phone for phone in phones if 6 <= len(phone) <= 18])
        without = [key.value for (key, _), phone in zip(keys, phones, strict=True) if not phone]
        by_key = self._search(KEY_FIELD, without) if without else {}
        hits = [
            by_phone.get(phone, ()) if phone else by_key.get(key.value, ())
            for (key, _), phone in zip(keys, phones, strict=True)
        ]
        ids = list(dict.fromkeys(lead_id for lead_ids in hits for lead_id in lead_ids))
        leads = {record.id: record for record in self.get(ids, ())}
        return [
            [leads[lead_id] for lead_id in lead_ids if lead_id in leads and _carries(leads[lead_id], key)]
            for (key, _), lead_ids in zip(keys, hits, strict=True)
        ]

    def with_phone(self, phone: str, fields: Sequence[str]) -> list[records.Record]:
        """All leads that have this number. Raises AuthFailed, RetryLater."""
        return self.get(self._search("phone_number", [phone]).get(phone, ()), fields)

    def _search(self, by: str, values: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Value → ids of the leads that have it."""
        unique = list(dict.fromkeys(values))
        chunks = [unique[start : start + _PHONES_AT_ONCE] for start in range(0, len(unique), _PHONES_AT_ONCE)]
        found: dict[str, tuple[str, ...]] = {}
        for part in self._api.all(lambda chunk: self._search_some(by, chunk), chunks):
            found.update(part)
        return found

    def _search_some(self, by: str, values: Sequence[str]) -> dict[str, tuple[str, ...]]:
        method = {"search_method": by.upper()} if by != "phone_number" else {}
        answer = self._api.read("lead_search", {by: ",".join(values), "records": str(_MOST_HITS), **method})
        lines = answers.parse(answer)
        if any(line.kind == "ERROR" for line in lines):
            error = answers.refusal(lines[0], "lead_search", self._api.user)
            if isinstance(error, errors.Missing):
                return {}
            raise error or errors.RetryLater("lead_search gives an answer that is not understood")
        found: dict[str, tuple[str, ...]] = {}
        for row in answer.removesuffix("\n").split("\n"):
            parts = row.split("|")
            ids = tuple(parts[2].split("-")) if len(parts) == 3 and parts[2] else ()
            if len(parts) != 3 or parts[1] != str(len(ids)) or not all(lead_id.isdigit() for lead_id in ids):
                raise errors.RetryLater("lead_search gives an answer that is cut or not understood")
            found[parts[0]] = ids
        if not answer.endswith("\n") or not found.keys() >= set(values):
            raise errors.RetryLater("lead_search gives an answer that is cut")
        if sum(map(len, found.values())) >= _MOST_HITS:
            if len(values) == 1:
                raise errors.RetryLater(f"more than {_MOST_HITS} leads share one number")
            return {value: ids for one in values for value, ids in self._search_some(by, [one]).items()}
        return found

    def _lead(self, lead_id: str, wanted: frozenset[str]) -> records.Record | None:
        answer = self._api.read("lead_all_info", {"lead_id": lead_id, "header": "YES"})
        if not answer.strip():
            # asked column by column such a server would give a lead of which every field is blank
            raise errors.RetryLater("lead_all_info gives an empty answer")
        lead = all_info.parse(answer, lead_id)
        if lead is None and answer.lstrip().startswith("ERROR"):
            line = answers.parse(answer)[-1]
            if "LIST NOT FOUND" in line.message:
                self._refuse_to_guess(lead_id, line)
                return None
            error = answers.refusal(line, "lead_all_info", self._api.user)
            if isinstance(error, errors.Missing):
                return None
            raise error or errors.RetryLater("lead_all_info gives an answer that is not understood")
        if lead is None or not lead.certain:
            tab = self._api.read("lead_all_info", {"lead_id": lead_id, "header": "YES", "stage": "tab"})
            by_tab = all_info.parse(tab, lead_id, separator="\t")
            lead = by_tab if by_tab is not None and by_tab.certain else lead or by_tab
        columns = dict(lead.columns) if lead is not None else {"lead_id": lead_id}
        if lead is None or not lead.certain:
            doubtful = all_info.DOUBTFUL if lead is not None else tuple(set(all_info.COLUMNS) - {"lead_id"})
            for name in sorted(wanted.intersection(doubtful)):
                columns[name] = self._column(lead_id, name)
        fields = {name: text.read(name, value, self._zone) for name, value in columns.items() if name in wanted}
        if FLAGS_FIELD in wanted:
            fields[FLAGS_FIELD] = self._flags.of_lead(columns["status"])
        return records.Record(lead_id, fields)

    def _refuse_to_guess(self, lead_id: str, line: answers.Line) -> None:
        """A lead that is shown to nobody since its list is gone counts as gone, too: it cannot be dialled. Where the
        user may only not see it, "there is no such lead" would be a wrong answer."""
        list_id = line.fields[3] if len(line.fields) > 3 else ""
        if not is_list_id(list_id) or lists.state(self._api, list_id) != "missing":
            raise errors.AuthFailed(
                f"user {self._api.user} may not see lead {lead_id}, which is in list {list_id or '?'}",
                fix="allow the list's campaign to the group of the user",
            )

    def _column(self, lead_id: str, name: str) -> str:
        value = self._api.read("lead_field_info", {"lead_id": lead_id, "field_name": name})
        if value.startswith("ERROR: "):
            error = answers.refusal(answers.parse(value)[0], "lead_field_info", self._api.user)
            raise error or errors.RetryLater("lead_field_info gives an answer that is not understood")
        return value

    # -- writing

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
            name: text.wire(name, value) for name, value in change.fields.items() if value and name != HOPPER_FIELD
        }
        phone = values["phone_number"] = _digits(values.get("phone_number", ""))
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
        values.update(self._dnc_checks())
        if self._options.list_exists_check:
            values["list_exists_check"] = "Y"
        priority = _priority(change.fields.get(HOPPER_FIELD), self._options.hopper_priority)
        if priority is not None:  # never outside of the hours in which the lead may be called
            values |= {"add_to_hopper": "Y", "hopper_priority": str(priority), "hopper_local_call_time_check": "Y"}
        if self._options.duplicate_check:
            values["duplicate_check"] = self._options.duplicate_check
        lines = self._api.write("add_lead", values)
        lead_id = answers.added_lead(lines, phone=phone, list_id=list_id, user=self._api.user)
        if lead_id is not None:
            return records.Outcome(lead_id, notes=(*self._changed(change.fields), *_notices(lines)))
        if lines[0].kind == "ERROR" and all(line.kind == "ERROR" for line in lines):
            if "DUPLICATE" in lines[0].message:
                return self._duplicate(lines[0], change.key, list_id)
            error = answers.refusal(lines[0], "add_lead", self._api.user)
            if error is not None and not isinstance(error, errors.Missing):
                raise error
        raise errors.Ambiguous("add_lead does not say clearly which lead it added, if any")

    def _duplicate(self, line: answers.Line, key: records.SyncKey, list_id: str) -> records.Outcome:
        lead_id = answers.duplicate_of(line, list_id)
        if lead_id is None:
            raise errors.Ambiguous("add_lead does not say clearly which lead has the number already")
        existing = self._lead(lead_id, frozenset({KEY_FIELD, MARKER_FIELD}))
        if existing is not None and _carries(existing, key):
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
            if name != HOPPER_FIELD  # the hopper is for new leads; who was dialled is not dialled again by a change
        }
        if not values:
            return records.Outcome(lead_id, notes=("nothing-to-send",))
        for name in sorted(text.NOT_CLEARABLE & values.keys()):
            if values[name] == text.update_value(name, None, use_non_latin=self._non_latin):
                raise errors.Rejected(
                    [errors.Problem(f"{name} cannot be empty", name, f"correct the record, or do not `clear` {name}")]
                )
        if "phone_number" in values:
            values["phone_number"] = _digits(values["phone_number"])
            if not 6 <= len(values["phone_number"]) <= 16:
                raise errors.Rejected(
                    [
                        errors.Problem(
                            "a phone number has 6 to 16 digits", "phone_number", "correct the phone in the CRM"
                        )
                    ]
                )
            self.screen(values["phone_number"], values.get("phone_code", "1"))
            values["update_phone_number"] = "Y"
        if "list_id" in values:
            values["list_id_field"] = values.pop("list_id")
            if not is_list_id(values["list_id_field"]):
                raise errors.Rejected(
                    [errors.Problem("a list id has 3 to 14 digits", "list_id", "correct the mapping")]
                )
            if self._options.list_exists_check:
                values["list_exists_check"] = "Y"
        return self._send_update(lead_id, values, self._changed(change.fields))

    def _remove(self, lead_id: str, reason: str, numbers: Sequence[str]) -> records.Outcome:
        """Out of dialling first, then onto the do-not-call lists, with the lead's own numbers."""
        status = self._options.opt_out_status
        lists = self._options.opt_out_lists if reason == "opt_out" else ()
        lead = self._lead(lead_id, frozenset({"status", *_NUMBERS})) if reason != "opt_out" or lists else None
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
            outcome = self._send_update(lead_id, {"status": status, "remove_from_hopper": "Y"})
        except errors.Missing as error:  # its numbers may come back with another lead
            gone = error
        own = [_digits(lead.fields[name] or "") for name in _NUMBERS] if lead is not None and lists else []
        self._dnc.add([*numbers, *(number for number in own if len(number) >= _SHORTEST)], lists)
        if gone is not None:
            raise gone
        return outcome

    def screen(self, phone: str, phone_code: str) -> None:
        """Raise Screened if a do-not-call list has the number; update_lead itself never looks. Also raises AuthFailed,
        RetryLater, and Rejected where VICIdial takes the number for none."""
        if self._options.dnc_check == "N":
            return
        if (screened := self._dnc.screened(phone, phone_code, self._dnc_checks())) is not None:
            raise screened

    def _send_update(self, lead_id: str, values: Mapping[str, str], notes: tuple[str, ...] = ()) -> records.Outcome:
        lines = self._api.write("update_lead", {"lead_id": lead_id, **values})
        done = [line for line in lines if line.kind == "SUCCESS"]
        refused = [line for line in lines if line.kind == "ERROR"]
        if len(done) == 1 and not refused and done[0].function == "update_lead":
            fields = done[0].fields
            if "LEAD HAS BEEN UPDATED" in done[0].message and len(fields) >= 3 and fields[1] == lead_id:
                return records.Outcome(lead_id, notes=(*notes, *_notices(lines)))
        if refused and not done:
            error = answers.refusal(refused[0], "update_lead", self._api.user)
            if error is not None:
                raise error
        raise errors.Ambiguous("update_lead gives an answer that is not understood")

    def _dnc_checks(self) -> dict[str, str]:
        checks: dict[str, str] = {"dnc_check": self._options.dnc_check}
        if self._options.campaign_id:
            checks["campaign_id"] = self._options.campaign_id
            checks["campaign_dnc_check"] = self._options.dnc_check
        return checks

    def _refuse_unknown(self, change: records.Change) -> None:
        problems = [
            errors.Problem(f"VICIdial's leads have no field {name}", name, "correct the mapping")
            for name in sorted(change.fields.keys() - text.FIELDS.keys() - {HOPPER_FIELD})
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


def _priority(mapped: str | None, default: int | None) -> int | None:
    """The place in the hopper that a new lead gets, None where it waits for its turn."""
    if not mapped:
        return default
    if not re.fullmatch(r"-?\d{1,2}", mapped.strip()):
        what = "a hopper priority is a whole number from -99 to 99"
        raise errors.Rejected([errors.Problem(what, HOPPER_FIELD, "correct the record or the mapping")])
    return int(mapped)


def _digits(value: str) -> str:
    return re.sub(r"[^0-9]", "", value)


def _notices(lines: Sequence[answers.Line]) -> tuple[str, ...]:
    return tuple(line.code for line in lines if line.kind == "NOTICE")


def _carries(record: records.Record, key: records.SyncKey) -> bool:
    if record.fields.get(KEY_FIELD) != key.value:
        return False
    marker = text.canonical(MARKER_FIELD, key.marker, use_non_latin=False)
    return key.marker is None or record.fields.get(MARKER_FIELD) == marker
