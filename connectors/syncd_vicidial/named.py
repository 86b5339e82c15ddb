"""Looks up what a configuration names: lists, campaigns, in-groups, statuses, users, call times, custom fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from syncd.sdk import errors, protocol
from syncd.sdk.protocol import Finding
from syncd_vicidial import answers, custom, custom_check, lists, needs
from syncd_vicidial.api import Api
from syncd_vicidial.options import SYSTEM, Options, is_list_id
from syncd_vicidial.rights import Rights

_ALL = "---ALL---"
_USER_COLUMNS = 5
_FROM_THE_END = 5  # where dial_statuses stands in a row of campaigns_list: names before it may hold the separator
_IN_GROUP = re.compile(r"choose_file\('([^']+)'")


@dataclass(frozen=True, slots=True)
class User:
    """A user as user_details prints it."""

    level: int
    active: bool


def user(api: Api, name: str) -> User | None:
    """A user of the server; None if there is none that may be seen. Raises AuthFailed, RetryLater."""
    said = api.read("user_details", {"agent_user": name})
    parts = said.rstrip("\n").split("|")
    if len(parts) >= _USER_COLUMNS and parts[0].casefold() == name.casefold() and parts[-2].isdigit():
        return User(int(parts[-2]), parts[-1] == "Y")
    lines = answers.parse(said)
    if any("USER NOT FOUND" in line.message for line in lines):
        return None
    refused = answers.refusal(lines[0], "user_details", api.user) if lines else None
    raise refused or errors.RetryLater("user_details gives an answer that is not understood")


def findings(
    api: Api, options: Options, use: protocol.Use, rights: Rights, fields: custom.CustomFields
) -> Iterator[Finding]:
    """Each name, and whether the server has it. Raises LoginRefused, RetryLater."""
    lead_fields = use.writes.get("leads")
    if lead_fields is not None:
        list_ids = sorted({*options.lists, *lead_fields.get("list_id", ())})
        yield from (_list(api, list_id, rights) for list_id in list_ids)
        yield from _custom_fields(fields, options, lead_fields, rights)
        yield _call_time(api, options, rights)
    campaigns = _campaigns(api) if rights.told["campaigns_list"].state == "may" else None
    wanted: dict[str, str] = {}
    if lead_fields is not None:
        wanted |= {name: "opt_out_lists" for name in options.opt_out_lists if name != SYSTEM}
        wanted |= {options.campaign_id: "campaign_id"} if options.campaign_id else {}
    if needs.reads_calls(use) or use.statistics:
        wanted |= dict.fromkeys(options.campaigns, "campaigns")
        yield from _in_groups(api, options)
    for name, where in sorted(wanted.items()):
        if name != _ALL:
            yield _campaign(name, where, campaigns, rights)
    if lead_fields is not None:
        yield from _statuses(options, campaigns)
    yield from (_person(api, name, rights) for name in sorted(use.people))


def _list(api: Api, list_id: str, rights: Rights) -> Finding:
    what = f"list {list_id}"
    if not is_list_id(list_id):
        return Finding(what, "missing", "a list id has 3 to 14 digits", "correct the mapping", "lists")
    if rights.told["add_lead"].state != "may":
        return Finding(what, "unknown", "add_lead would tell")
    match lists.state(api, list_id):
        case "usable":
            return Finding(what, "found")
        case "missing":
            return Finding(
                what, "missing", "there is no such list", "Lists › Add A New List, or correct the id", "lists"
            )
        case "not_allowed":
            fix = "User Groups › the user's group › Allowed Campaigns: add the list's campaign"
            return Finding(what, "missing", f"user {api.user} may not use it", fix, "lists")


def _custom_fields(
    fields: custom.CustomFields, options: Options, mapped: Mapping[str, Collection[str]], rights: Rights
) -> Iterator[Finding]:
    labels = {label: label for label in custom.labels_in(mapped)}
    if options.exact_email is not None and "email" in mapped:
        labels[options.exact_email] = "email"
    if not labels:
        return
    if rights.told["list_custom_fields"].state != "may":
        yield from (Finding(f"custom field {label}", "unknown", "list_custom_fields would tell") for label in labels)
        return
    problems = {problem.where: problem for problem in custom_check.problems(fields, options, mapped)}
    unknown = fields.unknown([*labels])
    for label, where in sorted(labels.items()):
        what, problem = f"custom field {label}", problems.get(where)
        if problem is not None and problem.fatal:
            yield Finding(what, "missing", problem.what, problem.fix)
        elif label in unknown:
            yield Finding(what, "missing", "no list has it", f"add it to the lists, or correct the name {label}")
        else:
            yield Finding(what, "found", problem.what if problem is not None else "")


def _call_time(api: Api, options: Options, rights: Rights) -> Finding:
    what, where = f"call time {options.local_call_time}", "local_call_time"
    if options.dnc_check == "N":
        return Finding(what, "not_needed")
    if rights.told["check_phone_number"].state != "may":
        return Finding(what, "unknown", "check_phone_number would tell", "", where)
    said = answers.parse(
        api.read("check_phone_number", {"phone_number": "", "local_call_time": options.local_call_time})
    )
    if any("NOT A VALID CALL TIME" in line.message for line in said):
        fix = "name one of Admin › Call Times, for example 24hours"
        return Finding(what, "missing", "there is no such call time", fix, where)
    return Finding(what, "found")


def _campaigns(api: Api) -> dict[str, str]:
    """Campaign → its dial statuses, of those that the user may see."""
    said = api.read("campaigns_list", {"header": "YES"})
    rows = [row.split("|") for row in said.split("\n")[1:] if row.count("|") >= _FROM_THE_END]
    return {row[0]: row[-_FROM_THE_END] for row in rows}


def _campaign(name: str, where: str, campaigns: dict[str, str] | None, rights: Rights) -> Finding:
    what = f"campaign {name}"
    if campaigns is None:
        return Finding(what, "unknown", "campaigns_list would tell", "", where)
    if name in campaigns:
        return Finding(what, "found")
    fix = "correct the name, or User Groups › the user's group › Allowed Campaigns: add it"
    return Finding(what, "missing", f"there is none, or user {rights.user} may not see it", fix, where)


def _in_groups(api: Api, options: Options) -> Iterator[Finding]:
    wanted = [name for name in options.in_groups if name != _ALL]
    if not wanted:
        return
    known = set(_IN_GROUP.findall(api.probe("ingroup_list", {})))
    for name in wanted:
        if name in known:
            yield Finding(f"in-group {name}", "found")
        elif known:
            fix = "correct the name, or make the in-group active"
            yield Finding(f"in-group {name}", "missing", "there is no such active in-group", fix, "in_groups")
        else:
            yield Finding(f"in-group {name}", "unknown", "ingroup_list would tell", "", "in_groups")


def _statuses(options: Options, campaigns: dict[str, str] | None) -> Iterator[Finding]:
    """The statuses of leads that are taken out of dialling: a campaign that dials them would undo that."""
    for where in ("removed_status", "opt_out_status"):
        status: str = getattr(options, where)
        if campaigns is None:
            yield Finding(f"status {status}", "unknown", "campaigns_list would tell whether it is dialled", "", where)
            continue
        dialling = sorted(name for name, statuses in campaigns.items() if status in statuses.split())
        if dialling:
            fix = f"Campaigns › {dialling[0]} › Dial Statuses: take it out, or choose another {where}"
            said = f"dialled by campaign {', '.join(dialling)}"
            yield Finding(f"status {status}", "missing", said, fix, where)
        else:
            yield Finding(f"status {status}", "found", "dialled by no campaign")


def _person(api: Api, name: str, rights: Rights) -> Finding:
    what = f"user {name}"
    if rights.told["user_details"].state != "may":
        return Finding(what, "unknown", "user_details would tell")
    found = user(api, name)
    if found is None:
        return Finding(what, "missing", "there is no such user", "correct the name in `agents`, or add the user")
    if not found.active:
        return Finding(what, "missing", "not active", f"Users › {name} › Active: Y, or take it out of `agents`")
    return Finding(what, "found", f"user level {found.level}")
