"""What a disposition means: the system-wide status flags that VICIdial ships (vicidial_statuses, trunk 3884)."""

from __future__ import annotations

from collections.abc import Mapping

_DEFAULTS: Mapping[str, str] = {
    **dict.fromkeys(("INCALL", "QUEUE", "DISPO"), "live"),
    "SALE": "completed sale",
    **dict.fromkeys(("DNC", "DNCL", "DNCC"), "completed dnc"),
    "NI": "not_interested",
    **dict.fromkeys(("CALLBK", "CBHOLD"), "callback"),
    **dict.fromkeys(("DEC", "XFER"), "customer_contact"),
    **dict.fromkeys(("DC", "ADC", "AFAX"), "unworkable"),
    **dict.fromkeys(("A", "AA", "AM", "AL"), "machine"),
    **dict.fromkeys(("NA", "AB", "B", "N", "DROP", "PDROP", "ADCT"), "retry"),
}


def of(status: str, own: Mapping[str, str]) -> str:
    """The flags of a status, space-separated; `own` (status → flags) goes before the defaults."""
    return own.get(status, _DEFAULTS.get(status, ""))
