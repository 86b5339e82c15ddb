"""Which functions of VICIdial a client's configuration makes syncd call."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from syncd.sdk import protocol
from syncd_vicidial import callbacks, custom, permissions
from syncd_vicidial.options import Options

_WRITTEN: Mapping[str, tuple[str, ...]] = {
    "leads": ("add_lead", "update_lead", "lead_search", "lead_all_info", "lead_field_info"),
}
_READ: Mapping[str, tuple[str, ...]] = {
    "leads": ("lead_all_info", "lead_field_info"),
    "callbacks": ("lead_callback_info", "lead_all_info"),
}
_LIVE = ("campaigns_list", "logged_in_agents")
_COUNTED = ("in_group_status", "call_status_stats")
_THROUGH_CALLS = ("calls", "callbacks")  # callbacks are found through the calls that ended with one


def reads_calls(use: protocol.Use) -> bool:
    """Whether the call log is read."""
    return any(stream in use.reads for stream in _THROUGH_CALLS)


def stock(use: protocol.Use, options: Options, additions: Collection[str]) -> dict[str, str]:
    """Function → what it is called for (a stream, opt-outs), beside these additions of the site."""
    found = _read(use, options, additions)
    for stream in use.writes:
        found.update(dict.fromkeys(_WRITTEN.get(stream, ()), stream))
    if "leads" in use.writes:
        if options.dnc_check != "N":
            found["check_phone_number"] = "leads"
        if options.opt_out_lists:
            found["add_dnc_phone"] = "opt-outs"
        if callbacks.AT in use.writes["leads"]:
            found["lead_callback_info"] = "leads"
        if options.exact_email is not None and "email" in use.writes["leads"]:
            found["list_custom_fields"] = "plus_emails"
    if custom.labels_in({*use.reads.get("leads", ()), *use.writes.get("leads", ())}):
        found["list_custom_fields"] = "custom fields"
    return found


def _read(use: protocol.Use, options: Options, additions: Collection[str]) -> dict[str, str]:
    found = {name: stream for stream in use.reads for name in _READ.get(stream, ())}
    if reads_calls(use) and options.call_source != "sql":
        if "get_call_log" not in additions:
            found[permissions.EXPORT] = "calls"
        elif "---ALL---" in options.in_groups:
            found["campaigns_list"] = "calls"
    if use.recordings and "get_recording" not in additions:
        found["recording_lookup"] = "recordings"
    if use.statistics:
        found.update(dict.fromkeys(_LIVE, "statistics"))
        if options.in_groups or "campaign_call_stats" not in additions:
            found.update(dict.fromkeys(_COUNTED, "statistics"))
    return found
