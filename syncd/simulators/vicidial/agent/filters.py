"""What the Agent API keeps of each parameter; the Non-Agent API keeps other characters of many.

Source: the filters at the head of agc/api.php, trunk 3884, for `use_non_latin` off (bytes: every non-ASCII letter goes)
and on (letters of any script stay). A parameter that is not here is not filtered.
"""

import functools
from collections.abc import Mapping

from syncd.simulators.vicidial import text

# Kept beside digits and letters; which letters depends on use_non_latin.
_BESIDE_LETTERS: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "user", "agent_user", "function", "focus", "preview", "search", "status", "dial_ingroup", "cid_choice",
            "outbound_cid",
        ],
        "-_",
    ),
    "value": "-|_",
    **dict.fromkeys(["group_alias", "dial_prefix", "source", "format", "alt_user", "middle_initial"], ""),
    "ingroup_choices": "- _+",
    **dict.fromkeys(["notes", "callback_comments"], "- ._+"),
    "callback_datetime": "- :._+",
    "qm_dispo_code": "-._",
    **dict.fromkeys(["first_name", "last_name", "alt_phone"], "- '+_."),
    "title": "- '_.",
    **dict.fromkeys(["address1", "address2", "address3", "city", "security_phrase", "owner"], "- '+.:/@_"),
    "state": "- ",
    "province": "- '+._",
    "postal_code": "- +",
    "email": "- '+.:/@%_",
}  # fmt: skip
_ONLY: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "vtiger_callback", "blended", "set_as_default", "country_code", "gender", "dial_override", "consultative",
            "callback_type",
        ],
        text.UPPER,
    ),
    "alt_dial": text.UPPER + text.DIGITS,
    "phone_code": text.DIGITS + "X",
    "phone_number": text.DIGITS + "*#",
    **dict.fromkeys(["lead_id", "rank"], text.DIGITS),
    "gmt_offset_now": text.DIGITS + "-_.",
    "date_of_birth": text.DIGITS + "-",
    **dict.fromkeys(["dnc_check", "campaign_dnc_check"], text.ALNUM + "-_"),
    "multi_dial_phones": text.DIGITS + ",",
    **dict.fromkeys(["md_check", "tw_check"], text.ALNUM),
}  # fmt: skip


@functools.cache
def tables(*, use_non_latin: bool) -> text.Tables:
    """The filter of each parameter, by its name."""
    return {
        **{name: text.keeping(kept) for name, kept in _ONLY.items()},
        **{name: text.keeping(text.ALNUM + kept, letters=use_non_latin) for name, kept in _BESIDE_LETTERS.items()},
        "pass": text.keeping(text.ALNUM + "-.+/=_", letters=use_non_latin, plus_is_space=False),
        "stage": text.dropping("'\"\\;", plus_is_space=False),
        **{name: text.dropping(";#") for name in ("vendor_id", "vendor_lead_code", "source_id", "comments")},
    }
