"""Custom fields of VICIdial's lists: which list has which, how their values are written, foretold and read.

Source: non_agent_api.php, trunk 3884. Each list has a table of its own for them; a lead's values are in the one of its
`entry_list_id`, or of its list as long as it has none. Of a column's type (width, choices) the API says nothing.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from syncd.sdk import errors, records
from syncd_vicidial import all_info, answers, callbacks, text
from syncd_vicidial.api import Api
from syncd_vicidial.names import FLAGS_FIELD, HOPPER_FIELD

# Parameters of add_lead and update_lead: a custom field of such a name would be taken for one of them.
RESERVED = frozenset({
    "DB", "add_to_hopper", "agent_user", "archived_lead", "callback", "callback_datetime", "callback_status",
    "callback_type", "campaign_dnc_check", "campaign_id", "custom_fields",
    "delete_cf_data", "delete_lead", "dnc_check", "duplicate_check", "force_entry_list_id", "function",
    "hopper_local_call_time_check", "insert_if_not_found", "list_exists_check", "list_id_field",
    "local_call_time", "lookup_state", "multi_alt_phones", "nanpa_ac_prefix_check", "no_update", "pass", "records",
    "remove_from_hopper", "reset_lead", "search_location", "search_method", "source", "tz_method",
    "update_phone_number", "usacan_areacode_check", "usacan_prefix_check", "user_field",
})  # fmt: skip
# What is a field of any lead, so that a custom field of that name is none.
STANDARD = frozenset({*all_info.COLUMNS, *text.FIELDS, FLAGS_FIELD, HOPPER_FIELD, *callbacks.NAMES})
_DROPPED = re.compile('[;"]')
_LAST_BACKSLASH = re.compile(r"\\(?=\n?\Z)")
_FRESH_SECONDS = 300.0
_MOST_NAMED = 8  # lists in a text for people
_JUST_ASKED_SECONDS = 30.0  # an unknown field may be new; it is asked for again, but not for each lead


@dataclass(frozen=True, slots=True)
class LeadList:
    """One list and the labels of its custom fields."""

    id: str
    name: str
    labels: frozenset[str]

    def __str__(self) -> str:
        return f"{self.id} ({self.name})" if self.name else self.id


class CustomFields:
    """The custom fields of one server's lists. What lists there are is asked once in five minutes."""

    def __init__(self, api: Api, words: text.Words) -> None:
        self._api = api
        self._words = words
        self._lock = threading.Lock()
        self._lists: Mapping[str, LeadList] = {}
        self._asked_at = float("-inf")
        self._with_add = True

    @property
    def with_add(self) -> bool:
        """Whether add_lead may store custom fields; False once it has shown that it does not (trunk 3884 does not)."""
        return self._with_add

    def not_with_add(self) -> None:
        """From now on custom fields are written by update_lead alone."""
        self._with_add = False

    def lists(self, *, older_seconds: float = _FRESH_SECONDS) -> Mapping[str, LeadList]:
        """Id → list, of the lists that the user may see; what was told within `older_seconds` is told again.

        Raises AuthFailed, RetryLater."""
        with self._lock:
            if time.monotonic() - self._asked_at > older_seconds:
                answer = self._api.read("list_custom_fields", {"list_id": "---ALL---", "header": "YES"})
                self._lists = _lists(answer, self._api.user)
                self._asked_at = time.monotonic()
            return self._lists

    def labels(self, list_id: str) -> frozenset[str]:
        """The custom fields of a list; none of a list that is not there. Raises AuthFailed, RetryLater."""
        found = self.lists().get(list_id)
        return found.labels if found else frozenset()

    def infos(self) -> dict[str, records.FieldInfo]:
        """Label → what there is to know of it, of all lists. Raises AuthFailed, RetryLater."""
        having: dict[str, list[str]] = {}
        for one in self.lists().values():
            for label in one.labels:
                having.setdefault(label, []).append(one.id)
        return {
            label: records.FieldInfo("custom text", label=f"of list {_few(sorted(ids, key=int))}")
            for label, ids in sorted(having.items())
        }

    def unknown(self, names: Collection[str]) -> list[str]:
        """Those of the names that no list has as a custom field, sorted. Raises AuthFailed, RetryLater."""

        def missing(lists: Mapping[str, LeadList]) -> list[str]:
            return sorted(set(names).difference(*(one.labels for one in lists.values())))

        return missing(self.lists()) and missing(self.lists(older_seconds=_JUST_ASKED_SECONDS))

    def wire(self, value: str | None) -> str:
        """The text to send so that the server stores `value`; an empty one clears.

        A backslash starts an SQL escape on the server, so it is doubled. The server drops one at the end, so that
        there one more is sent: else it would break the server's statement."""
        value = self._words.three_bytes(text.without_control(value or ""))
        if self.canonical(value) == "":
            return ""
        return _LAST_BACKSLASH.sub(r"\\\\", value.replace("\\", "\\\\"))

    def wired(self, fields: records.Fields) -> dict[str, str]:
        """`wire` of each."""
        return {label: self.wire(value) for label, value in fields.items()}

    def canonical(self, value: str | None) -> str:
        """The value as the server will store it, unless the field's own type makes something else of it."""
        value = self._words.three_bytes(text.without_control(value or ""))
        left = _DROPPED.sub("", value).replace("+", " ")
        return "" if left == text.BLANK else left

    def read(self, lead_id: str, list_id: str, labels: Collection[str]) -> dict[str, str] | None:
        """The values of these fields, which the list has, of one lead; None where the list has no values of the lead.

        Raises AuthFailed, RetryLater."""
        asked = {"lead_id": lead_id, "header": "YES", "custom_fields": "Y", "force_entry_list_id": list_id}
        found: dict[str, str] = {}
        try:
            answer = self._api.read("lead_all_info", asked)
            if not answer.strip():
                raise errors.RetryLater("lead_all_info gives an empty answer")
            lead = all_info.parse(answer, lead_id)
            found = lead.custom if lead is not None else {}
        except answers.Stopped:
            pass  # an apostrophe in one of the lead's values, see Lookup
        values: dict[str, str] = {}
        for label in labels:
            value = found.get(label)
            if value is None:
                # no values of this lead, a separator inside of one, or a field of a kind that is not shown there
                value = self._one(lead_id, list_id, label)
                if value is None:
                    return None
            values[label] = value
        return values

    def kept(self, lead_id: str, list_id: str, written: records.Fields) -> dict[str, str]:
        """What the list holds of fields that were just written: their columns may cut or convert.

        Raises Ambiguous where nothing of the lead is there; AuthFailed, RetryLater."""
        values = self.read(lead_id, list_id, written) if written else {}
        if values is None:
            if any(self.canonical(value) for value in written.values()):
                raise errors.Ambiguous("the custom fields that were written are not there")
            return dict.fromkeys(written, "")
        return values

    def beside(self, lead_id: str, list_id: str, sent: Mapping[str, str]) -> dict[str, str]:
        """update_lead looks for `&label=` in the whole request to see which fields it is given (trunk 3884): a text
        with such words in it would clear that field. The fields that the texts of `sent` name so, as they are now, to
        be sent along. Raises AuthFailed, RetryLater."""
        texts = [value for value in sent.values() if "=" in value]
        named = {
            label
            for label in self.labels(list_id) - sent.keys()
            if any(f"{mark}{label}=" in value for value in texts for mark in "&?")
        }
        current = self.read(lead_id, list_id, named) if named else None
        return self.wired(current or {})

    def _one(self, lead_id: str, list_id: str, label: str) -> str | None:
        asked = {"lead_id": lead_id, "field_name": label, "custom_fields": "Y", "list_id": list_id}
        answer = self._api.read("lead_field_info", asked, printed_first=True)
        if not answer.startswith("ERROR: "):
            return answer
        line = answers.parse(answer)[0]
        if "LIST FIELD NOT FOUND" in line.message:
            return None
        error = answers.refusal(line, "lead_field_info", self._api.user)
        raise error or errors.RetryLater("lead_field_info gives an answer that is not understood")


def labels_in(names: Collection[str]) -> frozenset[str]:
    """Those of the names that can only be custom fields."""
    return frozenset(names) - STANDARD


def _few(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _lists(answer: str, user: str) -> dict[str, LeadList]:
    """Given the answer to list_custom_fields of all lists, return the lists.

    A row: id, name (which may hold the separator), campaign, active, two times, labels with blanks in between."""
    lines = answers.parse(answer)
    if lines and lines[0].kind == "ERROR" and answer.lstrip().startswith("ERROR"):
        if "CUSTOM LIST FIELDS ARE NOT ENABLED" in lines[0].message:
            return {}
        refused = answers.refusal(lines[0], "list_custom_fields", user)
        raise refused or errors.RetryLater("list_custom_fields gives an answer that is not understood")
    header, _, body = answer.partition("\n")
    if not header.startswith("list_id|list_name|") or not answer.endswith("\n"):
        raise errors.RetryLater("list_custom_fields gives an answer that is cut or not understood")
    found: dict[str, LeadList] = {}
    for row in body.splitlines():
        parts = row.split("|")
        if len(parts) < 7 or not parts[0].isdigit():
            raise errors.RetryLater("list_custom_fields gives an answer that is not understood")
        found[parts[0]] = LeadList(parts[0], "|".join(parts[1:-5]), frozenset(parts[-1].split()))
    return found
