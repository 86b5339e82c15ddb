"""What a stock VICIdial keeps of a text: the characters that it drops on the way in.

Source: non_agent_api.php (trunk 3884) filters each parameter by name, with one set of rules for `use_non_latin=0`
(bytes: every non-ASCII letter goes) and one for `1` (letters of any script stay). What becomes of the rest in the
database is in `columns`.
"""

import functools
import re
from collections.abc import Mapping

DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALNUM = DIGITS + UPPER + UPPER.lower()

# Characters kept beside digits and letters; what counts as a letter depends on use_non_latin.
_BESIDE_LETTERS: Mapping[str, str] = {
    "address1": "- '+.:/@_",
    "address2": "- '+.:/@_",
    "address3": "- '+.:/@_",
    "agent_user": "-_",
    "alt_phone": "- '+_.",
    "call_id": "",
    "callback_comments": "- +.:/@_",
    "callback_status": "-_",
    "callback_user": "-_",
    "campaign": "-_",
    "campaign_id": "-_",
    "campaigns": "-,|_",
    "city": "- '+.:/@_",
    "country_code": "-_",
    "custom_order": "-_",
    "duration": "-_",
    "email": "- '+.:/@%_",
    "extension": "-_",
    "field_name": "-_",
    "first_name": "- '+_.",
    "group": "-|_",
    "in_groups": "-|,_",
    "ingroups": "-_",
    "last_name": "- '+_.",
    "leads_counts": "-_",
    "local_call_time": "-_",
    "middle_initial": "-_",
    "multi_alt_phones": "- +!:_",
    "owner": "- '+.:/@_",
    "pass": "-_",
    "postal_code": "- '+",
    "province": "- '+._",
    "remove_from_hopper": "",
    "security_phrase": "- '+.:/@_",
    "source": "",
    "state": "- ",
    "status": "-_",
    "statuses": "- .,_",
    "title": "- '_.",
    "uniqueid": "- ._",
    "user": "-_",
    "user_field": "-_",
    "user_groups": "-|,_",
}
# A plus stays a plus in a callback's comment; everywhere else where it survives it becomes a space.
_PLUS_STAYS = frozenset({"callback_comments", "callback_datetime", "datetime_start", "datetime_end"})
_FREE = ("vendor_lead_code", "source_id", "comments")
_ONLY: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "list_id_field",
            "lead_id",
            "rank",
            "entry_list_id",
            "phone_code",
            "called_count",
            "records",
            "force_entry_list_id",
        ],
        DIGITS,
    ),
    **dict.fromkeys(
        [
            "update_phone_number",
            "gender",
            "dnc_check",
            "campaign_dnc_check",
            "add_to_hopper",
            "hopper_local_call_time_check",
            "insert_if_not_found",
            "search_location",
            "no_update",
            "delete_lead",
            "reset_lead",
            "usacan_areacode_check",
            "usacan_prefix_check",
            "callback",
            "callback_type",
            "nanpa_ac_prefix_check",
            "lookup_state",
            "detail",
            "delete_cf_data",
        ],
        UPPER,
    ),
    **dict.fromkeys(["list_exists_check", "custom_fields", "header"], ALNUM),
    **dict.fromkeys(
        ["function", "stage", "search_method", "duplicate_check", "list_id", "tz_method", "type"], ALNUM + "-_"
    ),
    **dict.fromkeys(["date_of_birth", "date", "query_date", "end_date", "hopper_priority"], DIGITS + "-"),
    **dict.fromkeys(["phone_number", "lead_ids"], DIGITS + ","),
    **dict.fromkeys(["query_time", "end_time"], DIGITS + ":"),
    **dict.fromkeys(["datetime_start", "datetime_end"], DIGITS + "- +:_"),
    **dict.fromkeys(["status_breakdown", "show_percentages"], "1Y"),
    "callback_datetime": ALNUM + "- +.:/@_",
    "gmt_offset_now": DIGITS + "-_.",
}

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_LAST_BACKSLASH = re.compile(r"\\(?=\n?\Z)")


class _Table(dict[int, int | str | None]):
    """A translation table that drops what it does not list; with `letters`, letters of any script stay."""

    def __init__(self, kept: str, *, letters: bool, plus_is_space: bool) -> None:
        super().__init__(dict.fromkeys(range(128)))
        self.letters = letters
        self.update((ord(character), ord(character)) for character in kept)
        if plus_is_space and "+" in kept:
            self[ord("+")] = ord(" ")

    def __missing__(self, code: int) -> int | None:
        kept = code if self.letters and chr(code).isalpha() else None
        self[code] = kept
        return kept


class _FreeTable(dict[int, int | str | None]):
    """A translation table that drops a few characters and keeps the rest."""

    letters = False

    def __init__(self, dropped: str, *, plus_is_space: bool) -> None:
        super().__init__(dict.fromkeys(map(ord, dropped)))
        if plus_is_space:
            self[ord("+")] = ord(" ")

    def __missing__(self, code: int) -> int:
        return code


Tables = Mapping[str, _Table | _FreeTable]


@functools.cache
def tables(*, use_non_latin: bool) -> Tables:
    """The filter of each parameter that the API filters, by the parameter's name."""

    @functools.cache
    def table(kept: str, *, letters: bool, plus_is_space: bool) -> _Table:
        return _Table(kept, letters=letters, plus_is_space=plus_is_space)

    found: dict[str, _Table | _FreeTable] = {
        name: table(kept, letters=False, plus_is_space=name not in _PLUS_STAYS) for name, kept in _ONLY.items()
    }
    for name, kept in _BESIDE_LETTERS.items():
        found[name] = table(ALNUM + kept, letters=use_non_latin, plus_is_space=name not in _PLUS_STAYS)
    found.update(dict.fromkeys(_FREE, dropping(';#"')))
    return found


def keeping(kept: str, *, letters: bool = False, plus_is_space: bool = True) -> _Table:
    """A filter that keeps these characters, and with `letters` letters of any script."""
    return _Table(kept, letters=letters, plus_is_space=plus_is_space)


def dropping(dropped: str, *, plus_is_space: bool = True) -> _FreeTable:
    """A filter that drops these characters and keeps the rest."""
    return _FreeTable(dropped, plus_is_space=plus_is_space)


def clean(filters: Tables, name: str, value: str) -> str:
    """Given a parameter as received, return what the API works with; a parameter it does not filter is unchanged."""
    table = filters.get(name)
    if table is None:
        return value
    if table.letters and not value.isascii() and _NOT_UTF8.search(value):
        return ""  # PHP's preg_replace returns null for bytes that are not UTF-8
    return value.translate(table)


def clean_custom(value: str) -> str:
    """What the API keeps of a custom field's value; `$` of its last filter matches before a last line break, too."""
    return _LAST_BACKSLASH.sub("", value.replace("+", " ").replace(";", "").replace('"', ""))
