"""Looks for what would keep a configured VICIdial from working, changing nothing and with one login at risk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from syncd.sdk import errors
from syncd_vicidial import answers, clock, lists
from syncd_vicidial.api import Api
from syncd_vicidial.calls import Calls
from syncd_vicidial.database import Database
from syncd_vicidial.flags import Flags
from syncd_vicidial.options import SYSTEM, Options, is_list_id

# Function → a request that changes nothing, and what VICIdial says where the user may use the function.
_PROBES: Mapping[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "lead_search": ({"phone_number": "0000000000"}, ("NO MATCHES FOUND",)),
    "lead_all_info": ({"lead_id": "0"}, ("LEAD NOT FOUND",)),
    "update_lead": ({"lead_id": "0", "no_update": "Y"}, ("NO MATCHES FOUND",)),
    "add_lead": ({"phone_number": "", "list_id": "999"}, ("INVALID PHONE NUMBER", "NOT AN ALLOWED LIST ID")),
    "check_phone_number": ({"phone_number": ""}, ("INVALID PHONE NUMBER",)),
    "add_dnc_phone": ({"phone_number": ""}, ("YOU MUST USE ALL REQUIRED FIELDS",)),
}

_OF_PEOPLE = ("first_name", "last_name", "address1", "address2", "address3", "city", "province")


def run(api: Api, calls: Calls, options: Options, *, read_calls: bool) -> list[errors.Problem]:
    """Everything that is found, the most basic first; after a refused login nothing more is tried."""
    try:
        told = answers.version(api.version())
    except errors.SyncdError as error:
        return [errors.Problem(f"VICIdial cannot be reached: {error}", "url", "check the address and the network")]
    problems = [*clock.problems(told, options), *clock.apart(told), *login(options)]
    if options.transliterate and options.use_non_latin:
        what = "with use_non_latin all letters are kept, so that nothing is transliterated"
        problems.append(errors.Problem(what, "transliterate", "remove one of the two", fatal=False))
    if any(problem.fatal and problem.where in ("user", "password") for problem in problems):
        return problems
    looks: list[tuple[str, Callable[[], Iterator[errors.Problem]]]] = [
        ("user", lambda: _functions(api, options)),
        ("lists", lambda: _lists(api, options.lists, "lists")),
        ("campaign_id", lambda: _campaigns(calls, options)),
    ]
    if options.time_zone and read_calls:
        looks.append(("call_source", lambda: _calls(calls)))
    for where, look in looks:
        try:
            problems += look()
        except answers.LoginRefused as error:
            problems.append(errors.Problem(str(error), "user", error.fix))
            break
        except errors.AuthFailed as error:
            problems.append(errors.Problem(str(error), where, error.fix))
        except errors.SyncdError as error:
            problems.append(errors.Problem(str(error), where))
    return problems


def login(options: Options) -> Iterator[errors.Problem]:
    """What VICIdial would drop of user and password: such a login can only be refused, so it is not tried. In the
    guide's form only HTTP Basic, which the call export wants, sends the password itself."""
    for name, value in (("user", options.user), ("password", options.password.get_secret_value())):
        dropped = [
            char
            for char in value
            if not (char in "-_" or (char.isascii() and char.isalnum()) or (options.use_non_latin and char.isalpha()))
        ]
        if dropped or not value:
            spared = bool(value) and name == "password" and options.login_form == "md5"
            yield errors.Problem(
                (f"the {name} has characters that VICIdial drops" if value else f"the {name} is empty")
                + (", so that the call export refuses it" if spared else ""),
                name,
                f"VICIdial keeps A-Z, a-z, 0-9, - and _; give the API user another {name}",
                fatal=not spared,
            )


def _functions(api: Api, options: Options) -> Iterator[errors.Problem]:
    for function, (parameters, expected) in _PROBES.items():
        if (function, True) in (
            ("check_phone_number", options.dnc_check == "N"),
            ("add_dnc_phone", not options.opt_out_lists),
        ):
            continue
        try:
            lines = answers.parse(api.read(function, {**parameters, "local_call_time": options.local_call_time}))
            if any(text in line.message for line in lines for text in expected):
                continue
            refused = answers.refusal(lines[0], function, api.user) if lines else None
            raise refused or errors.RetryLater(f"{function} gives an answer that is not understood")
        except answers.LoginRefused:
            raise
        except errors.AuthFailed as error:
            other = "; or say `opt_out_lists: []`" if function == "add_dnc_phone" else ""
            yield errors.Problem(str(error), "user", error.fix + other)


def mapped_lists(api: Api, list_ids: Collection[str]) -> list[errors.Problem]:
    """What is wrong with the lists that a mapping names."""
    try:
        return list(_lists(api, sorted(list_ids), "list_id"))
    except errors.SyncdError as error:
        return [errors.Problem(str(error), "list_id")]


def bookable(api: Api, options: Options, mapped: Collection[str]) -> list[errors.Problem]:
    """What keeps callbacks from being booked, if a mapping names them."""
    problems = booking(options, mapped)
    if "callback_at" not in mapped:
        return problems
    try:
        lines = answers.parse(api.read("lead_callback_info", {"lead_id": "0"}))
        if not any("CALLBACK NOT FOUND" in line.message for line in lines):
            refused = answers.refusal(lines[0], "lead_callback_info", api.user) if lines else None
            raise refused or errors.RetryLater("lead_callback_info gives an answer that is not understood")
    except errors.AuthFailed as error:
        problems.append(errors.Problem(str(error), "user", error.fix))
    except errors.SyncdError as error:
        problems.append(errors.Problem(str(error), "callback_at"))
    return problems


def booking(options: Options, mapped: Collection[str]) -> list[errors.Problem]:
    """What the configuration lacks to book callbacks, if a mapping names them."""
    if "callback_at" not in mapped:
        alone = [name for name in ("callback_user", "callback_comments") if name in mapped]
        return [
            errors.Problem(f"{name} means nothing without callback_at", name, "map callback_at, too") for name in alone
        ]
    problems = []
    if options.campaign_id is None:
        what = "callbacks are booked in a campaign"
        problems.append(errors.Problem(what, "campaign_id", "say `campaign_id` under `dialer`"))
    if options.time_zone is None:
        what = "callbacks have a time on the server's clock"
        problems.append(errors.Problem(what, "time_zone", "name the server's time zone"))
    return problems


def lost_letters(options: Options, mapped: Collection[str]) -> Iterator[errors.Problem]:
    """A warning where names or addresses are mapped, unless somebody has said what the server does with them."""
    fields = [name for name in _OF_PEOPLE if name in mapped]
    if fields and "use_non_latin" not in options.model_fields_set and not options.transliterate:
        yield errors.Problem(
            f"letters that are not ASCII (ü, é, ñ) are dropped from {', '.join(fields)}",
            fields[0],
            "say `use_non_latin: true` under `dialer` if VICIdial's System Settings allow them, else `false`, or "
            "`transliterate: true`",
            fatal=False,
        )


def _lists(api: Api, list_ids: Iterable[str], where: str) -> Iterator[errors.Problem]:
    for list_id in list_ids:
        state = lists.state(api, list_id) if is_list_id(list_id) else "missing"
        if state == "missing":
            yield errors.Problem(f"there is no list {list_id}", where, "create it in VICIdial or correct the id")
        elif state == "not_allowed":
            yield errors.Problem(
                f"user {api.user} may not use list {list_id}", where, "allow its campaign to the group of the user"
            )


def _campaigns(calls: Calls, options: Options) -> Iterator[errors.Problem]:
    named = [("campaign_id", options.campaign_id)] if options.campaign_id else []
    named += [("opt_out_lists", name) for name in options.opt_out_lists if name != SYSTEM]
    known = calls.campaigns() if named else frozenset[str]()
    for where, campaign in named:
        if campaign not in known:
            yield errors.Problem(
                f"there is no campaign {campaign}, or the user may not see it",
                where,
                "correct the id, or allow the campaign to the group of the user",
            )


def _calls(calls: Calls) -> Iterator[errors.Problem]:
    yield from calls.check()


def database(source: Database, flags: Flags) -> list[errors.Problem]:
    """What is wrong with VICIdial's database, its user and its grants, and with what the options say against it."""
    found = source.check()
    if found:
        return found
    try:
        taken_back = flags.taken_back()
    except errors.SyncdError as error:
        return [errors.Problem(str(error), "database")]
    return [
        errors.Problem(
            f"VICIdial marks {status} as do-not-call, and so does syncd, whatever stands here",
            f"status_flags.{status}",
            "take the mark off in VICIdial's statuses, or add dnc here",
            fatal=False,
        )
        for status in taken_back
    ]
