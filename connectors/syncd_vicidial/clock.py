"""The server's clock and time zone, compared with the options and with this machine's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from syncd.sdk import errors
from syncd.sdk.protocol import Finding
from syncd_vicidial.options import Options

_APART_SECONDS = 60.0


def problems(told: Mapping[str, str], options: Options) -> Iterator[errors.Problem]:
    """Given the parts of the answer to `version`, what is wrong with the server's zone."""
    zone = options.zone()
    if zone is None:
        yield errors.Problem("calls cannot be read without it", "time_zone", "name the server's time zone", fatal=False)
        return
    now = datetime.fromtimestamp(int(told["EPOCH"]), UTC)
    ours = (now.astimezone(zone).utcoffset() or now - now).total_seconds()
    try:
        shown = datetime.fromisoformat(told["DATE"]).replace(tzinfo=UTC)
        wall, setting = (shown - now).total_seconds(), float(told["TZNOW"]) * 3600
    except (KeyError, ValueError):
        yield errors.Problem("VICIdial does not tell its time", "time_zone", "compare it by hand", fatal=False)
        return
    if abs(wall - ours) >= _APART_SECONDS:
        yield errors.Problem(
            f"the server's clock is at UTC{wall / 3600:+g} h, {options.time_zone} is at UTC{ours / 3600:+g} h",
            "time_zone",
            "name the time zone of the server; calls would be read at a wrong time",
        )
    elif setting != ours:
        yield errors.Problem(
            f"VICIdial's own setting is UTC{setting / 3600:+g} h, its web server's clock is at UTC{wall / 3600:+g} h",
            "time_zone",
            "set Local GMT of the server in VICIdial, or it dials at wrong hours",
            fatal=False,
        )


def misread(told: Mapping[str, str], options: Options) -> errors.Problem | None:
    """Given the parts of the answer to `version`, what makes every time that the server tells a wrong one. Calls would
    get other times, and with them other ids, than they have once it is mended."""
    return next((one for one in problems(told, options) if one.fatal), None)


def apart(told: Mapping[str, str]) -> Iterator[errors.Problem]:
    """A warning where the server's clock and this machine's differ. Calls are read by the server's, so none is lost."""
    seconds = int(told["EPOCH"]) - datetime.now(UTC).timestamp()
    if abs(seconds) >= _APART_SECONDS:
        what = f"the server's clock is {_difference(seconds)}: calls and callbacks have wrong times"
        yield errors.Problem(what, "", "let both machines keep time by NTP", fatal=False)


def findings(told: Mapping[str, str], options: Options, *, reads_calls: bool) -> Iterator[Finding]:
    """The same, and what is right; `reads_calls`: whether the zone is needed."""
    found = list(problems(told, options))
    for one in found:
        unknown = one.fix.startswith("compare") or (options.time_zone is None and not reads_calls)
        yield Finding("time zone", "unknown" if unknown else "missing", one.what, one.fix, one.where)
    if not found:
        yield Finding("time zone", "found", options.time_zone or "")
    wrong = list(apart(told))
    yield from (Finding("clock", "missing", one.what, one.fix) for one in wrong)
    if not wrong:
        yield Finding("clock", "found", "right")


def _difference(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
