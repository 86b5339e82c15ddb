"""Leads: looked up by id and by key through the non-agent API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, callbacks, custom, dnc, flags, lists, text
from syncd_vicidial.api import Api
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.names import FLAGS_FIELD, KEY_FIELD, MARKER_FIELD
from syncd_vicidial.options import Options, is_list_id

_READABLE = frozenset({*all_info.COLUMNS, FLAGS_FIELD})
_MOST_HITS = 10_000  # leads of all phones of one search
_PHONES_AT_ONCE = 50
_OWN_LIST = 100  # from this entry_list_id on, a lead's custom values are in that list's table
OF_LIST = frozenset({"list_id", "entry_list_id"})  # columns that tell which list's custom fields a lead has
_WORDS = text.Words()
_LEAD_ID = re.compile(r"[1-9][0-9]{0,18}")  # whatever else is asked for, VICIdial takes the digits of it


class Leads:
    """The stream "leads" of one server."""

    def __init__(
        self,
        api: Api,
        options: Options,
        meaning: flags.Flags,
        capabilities: Capabilities,
        words: text.Words,
        fields: custom.CustomFields,
    ) -> None:
        self._api = api
        self._capabilities = capabilities
        self._flags = meaning
        self._words = words
        self._custom = fields
        self._dnc = dnc.Dnc(api, options)
        self._options = options
        self._callbacks = callbacks.Callbacks(api, options)
        self._zone = options.zone()
        # Without the server's time zone its times mean nothing.
        self._readable = _READABLE if self._zone is not None else _READABLE - {"last_local_call_time"}

    # -- reading

    def get(self, ids: Sequence[str], fields: Sequence[str]) -> list[records.Record]:
        """The leads of these ids that exist, with their callbacks and custom fields only where these are asked for.
        Raises AuthFailed, RetryLater."""
        named = frozenset(fields)
        booked = named.intersection(callbacks.NAMES)
        wanted = named & self._readable if named else self._readable
        if booked and not wanted:
            wanted = frozenset({KEY_FIELD})
        labels = custom.labels_in(named)

        def with_callback(lead_id: str) -> records.Record | None:
            record = self.one(lead_id, wanted, labels)
            if record is None or not booked:
                return record
            told = self._callbacks.read(lead_id)
            return replace(record, fields={**record.fields, **{name: told[name] for name in booked}})

        found = self._api.all(with_callback, [one for one in ids if _LEAD_ID.fullmatch(one)])
        return [record for record in found if record is not None]

    def find(self, keys: Sequence[tuple[records.SyncKey, records.Fields]]) -> list[list[records.Record]]:
        """For each key the leads that carry it. The way in is the phone; VICIdial has no index on the key, so without a
        phone the whole table is searched. A lead whose phone was changed since is not found through the old one."""
        phones = [digits(near.get("phone_number") or "") for _, near in keys]
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
            [leads[lead_id] for lead_id in lead_ids if lead_id in leads and carries(leads[lead_id], key)]
            for (key, _), lead_ids in zip(keys, hits, strict=True)
        ]

    def with_phone(self, phone: str, fields: Sequence[str]) -> list[records.Record]:
        """All leads that have this number. Raises AuthFailed, RetryLater."""
        return self.get(self._search("phone_number", [phone]).get(phone, ()), fields)

    def having(self, field: str, values: Iterable[str], fields: Sequence[str]) -> dict[str, list[records.Record]]:
        """Value → the leads that hold just this in the column, a phone number or the key. Raises AuthFailed,
        RetryLater."""
        hits = {value: ids for value, ids in self._search(field, values).items() if ids}
        leads = {one.id: one for one in self.get(list({one for ids in hits.values() for one in ids}), fields)}
        return {value: [leads[one] for one in ids if one in leads] for value, ids in hits.items()}

    def ids_having(self, name: str, value: str) -> tuple[str, ...]:
        """The leads with this `phone_number` or key, those that nobody is shown as well. Raises AuthFailed,
        RetryLater."""
        return self._search(name, [value]).get(value, ())

    def screen(self, phone: str, phone_code: str) -> None:
        """Raise Screened if a do-not-call list has the number; update_lead itself never looks. Also raises AuthFailed,
        RetryLater, and Rejected where VICIdial takes the number for none."""
        if self._options.dnc_check == "N":
            return
        if self._capabilities.has("dnc_check"):
            self._ask_site(phone)  # it may know more lists; of area codes it promises nothing, so that is not all
        if (screened := self._dnc.screened(phone, phone_code, self.dnc_checks())) is not None:
            raise screened

    def _ask_site(self, phone: str) -> None:
        """The site's own dnc_check; raise Screened unless it says that the number is clean."""
        campaign = {"campaign_id": self._options.campaign_id} if self._options.campaign_id else {}
        lines = answers.parse(self._api.read("dnc_check", {"phone_number": phone, **campaign}))
        if [line.kind for line in lines] == ["SUCCESS"] and "CLEAN" in lines[0].message:
            return
        refused = answers.refusal(lines[0], "dnc_check", self._api.user) if lines else None
        raise refused or errors.RetryLater("dnc_check gives an answer that is not understood")

    def dnc_checks(self) -> dict[str, str]:
        """The parameters that say which do-not-call lists count."""
        checks: dict[str, str] = {"dnc_check": self._options.dnc_check}
        if self._options.campaign_id:
            checks["campaign_id"] = self._options.campaign_id
            checks["campaign_dnc_check"] = self._options.dnc_check
        return checks

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

    def one(self, lead_id: str, wanted: frozenset[str], labels: frozenset[str] = frozenset()) -> records.Record | None:
        """These columns and custom fields of a lead, None where there is none. Raises AuthFailed, RetryLater."""
        needed = wanted | ({"status"} if FLAGS_FIELD in wanted else set()) | (OF_LIST if labels else frozenset())
        columns = self._columns(lead_id, needed)
        if columns is None:
            return None
        fields = {name: self._words.read(name, value, self._zone) for name, value in columns.items() if name in wanted}
        if FLAGS_FIELD in wanted:
            fields[FLAGS_FIELD] = self.meaning(columns["status"])
        if labels:
            list_id = list_of(columns)
            there = self._custom.labels(list_id) & labels
            found = (self._custom.read(lead_id, list_id, there) if there else None) or {}
            exact = self._options.exact_email
            if exact in found:
                found[exact] = text.plus_decoded(found[exact])
            fields |= dict.fromkeys(labels, "") | found
        return records.Record(lead_id, fields)

    def readable(self, columns: Mapping[str, str], fields: Sequence[str]) -> dict[str, str | None]:
        """Given columns as VICIdial holds them, return those of these fields that they tell, as `get` would."""
        named = self._readable.intersection(fields)
        found: dict[str, str | None] = {
            name: self._words.read(name, columns[name], self._zone) for name in named if name in columns
        }
        if FLAGS_FIELD in named:
            found[FLAGS_FIELD] = self.meaning(columns["status"])
        return found

    def meaning(self, status: str) -> str:
        """The flags of a lead in this status, "removed" among them where it was taken out of dialling by syncd. Raises
        as `flags.Flags.of_lead`."""
        words = set(self._flags.of_lead(status).split())
        if status in (self._options.removed_status, self._options.opt_out_status):
            words.add("removed")
        return " ".join(sorted(words))

    def _columns(self, lead_id: str, needed: frozenset[str]) -> dict[str, str] | None:
        """The needed columns of a lead and more; None if it is gone."""
        try:
            answer = self._api.read("lead_all_info", {"lead_id": lead_id, "header": "YES"})
        except answers.Stopped:
            # an apostrophe in one of its values stops a server whose PHP raises on SQL errors, before it has printed
            return self._one_by_one(lead_id, needed)
        if not answer.strip():
            # asked column by column such a server would give a lead of which every field is blank
            raise errors.RetryLater("lead_all_info gives an empty answer")
        lead = all_info.parse(answer, lead_id)
        if lead is None and answer.lstrip().startswith("ERROR"):
            self._refuse_to_guess(lead_id, answers.parse(answer)[-1], "lead_all_info")
            return None
        if lead is None or not lead.certain:
            tab = self._api.read("lead_all_info", {"lead_id": lead_id, "header": "YES", "stage": "tab"})
            by_tab = all_info.parse(tab, lead_id, separator="\t")
            lead = by_tab if by_tab is not None and by_tab.certain else lead or by_tab
        if lead is None:
            return self._one_by_one(lead_id, needed)
        columns = dict(lead.columns)
        for name in sorted(needed.intersection(all_info.DOUBTFUL)) if not lead.certain else ():
            columns[name] = self._column(lead_id, name)
        return columns

    def _one_by_one(self, lead_id: str, needed: frozenset[str]) -> dict[str, str] | None:
        first = self._api.read("lead_field_info", {"lead_id": lead_id, "field_name": "lead_id"})
        if first.startswith("ERROR: "):
            self._refuse_to_guess(lead_id, answers.parse(first)[0], "lead_field_info")
            return None
        if first != lead_id:
            raise errors.RetryLater("lead_field_info gives an answer that is not understood")
        others = sorted(needed.intersection(all_info.COLUMNS) - {"lead_id"})
        return {"lead_id": lead_id, **{name: self._column(lead_id, name) for name in others}}

    def _refuse_to_guess(self, lead_id: str, line: answers.Line, function: str) -> None:
        """Raise unless the error says that there is no such lead.

        A lead that is shown to nobody since its list is gone counts as gone, too: it cannot be dialled. Where the user
        may only not see it, "there is no such lead" would be a wrong answer."""
        if "LIST NOT FOUND" in line.message:
            list_id = line.fields[-1] if line.fields else ""
            if not is_list_id(list_id) or lists.state(self._api, list_id) != "missing":
                raise errors.AuthFailed(
                    f"user {self._api.user} may not see lead {lead_id}, which is in list {list_id or '?'}",
                    fix="allow the list's campaign to the group of the user",
                )
            return
        error = answers.refusal(line, function, self._api.user)
        if not isinstance(error, errors.Missing):
            raise error or errors.RetryLater(f"{function} gives an answer that is not understood")

    def _column(self, lead_id: str, name: str) -> str:
        asked = {"lead_id": lead_id, "field_name": name}
        value = self._api.read("lead_field_info", asked, printed_first=True)
        if value.startswith("ERROR: "):
            error = answers.refusal(answers.parse(value)[0], "lead_field_info", self._api.user)
            raise error or errors.RetryLater("lead_field_info gives an answer that is not understood")
        return value


def digits(value: str) -> str:
    """The digits of a number as people write it."""
    return re.sub(r"[^0-9]", "", value)


def has_own_list(columns: records.Fields) -> bool:
    """Whether custom values of this lead were stored once; they stay in that list's table, wherever the lead goes."""
    return int(columns.get("entry_list_id") or "0") >= _OWN_LIST


def list_of(columns: records.Fields) -> str:
    """The list in whose table a lead's custom values are."""
    return (columns.get("entry_list_id") if has_own_list(columns) else columns.get("list_id")) or ""


def carries(record: records.Record, key: records.SyncKey) -> bool:
    """Whether a lead carries the key, and its marker where it has one."""
    if record.fields.get(KEY_FIELD) != key.value:
        return False
    marker = _WORDS.canonical(MARKER_FIELD, key.marker)
    return key.marker is None or record.fields.get(MARKER_FIELD) == marker
