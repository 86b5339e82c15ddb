"""Instants as Salesforce writes them: UTC, milliseconds, `+0000`. As text they compare in order of time."""

import datetime as dt


def stamp(moment: dt.datetime) -> str:
    """An aware datetime as `2026-11-20T15:00:00.000+0000`."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def stamp_of(text: str, field: str = "") -> str:
    """A request's instant as a stamp; raise Refused if it is none or has no zone."""
    from .schema import Refused

    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused("JSON_PARSER_ERROR", f"Cannot deserialize instance of datetime ({field})")
    return stamp(moment)
