"""What the connector makes of a recorded answer: each is given to it over HTTP by a function that it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from syncd.sdk import errors, records
from syncd_vicidial import VicidialConnector, answers, permissions, probes
from tests.vicidial import site

GONE = "99999999"
_SINCE = records.Cursor(datetime(2026, 11, 20, 5, tzinfo=UTC))
_UNTIL = datetime(2026, 11, 21, 5, tzinfo=UTC)


def of(case: site.Case) -> str:
    """The typed result or error, in a word or two; what it holds besides is tested elsewhere."""
    function = str(case["params"].get("function") or "")
    if case["path"].endswith(permissions.EXPORT):
        return _said(case, _calls)
    if case["path"].endswith("/agc/api.php"):
        return _said(case, _agent_login) if function in {"version", "login", ""} else _line(case, function)
    asked = _ASKED.get(function)
    return _said(case, asked) if asked else _line(case, function)


@contextmanager
def _connected(case: site.Case) -> Iterator[VicidialConnector]:
    """A connector to a server that gives this answer to the case's function and helpful ones to all others."""
    given, function = case["params"], case["params"].get("function")
    user, _, password = (case.get("basic") or "").partition(":")

    def reply(form: Mapping[str, str]) -> site.Reply:
        asked = form.get("function")
        if asked in (function, None) or not case["path"].endswith("non_agent_api.php") or function not in _ASKED:
            return case["status"], site.recorded(case)
        return 200, _OTHERS.get(asked, "ERROR: NO FUNCTION SPECIFIED\n").format(lead=form.get("lead_id", ""))

    login = {"user": given.get("user") or user or "6666", "password": given.get("pass") or password or "1234"}
    with (
        site.answering(reply) as url,
        site.connected(url, **login, call_source="call_report_export", hours_per_read=24) as connector,
    ):
        yield connector


_OTHERS = {
    "version": site.VERSION,
    "lead_all_info": "ERROR: lead_all_info LEAD NOT FOUND: 6666|{lead}|\n",
    "lead_field_info": "one value",
    "update_lead": "SUCCESS: update_lead LEAD HAS BEEN UPDATED - 6666|{lead}|1|||\n",
}


def _said(case: site.Case, ask: Callable[[VicidialConnector, site.Case], str]) -> str:
    with _connected(case) as connector:
        try:
            return ask(connector, case)
        except errors.SyncdError as error:
            return _error(error, case)


def _error(error: errors.SyncdError, case: site.Case) -> str:
    for secret in (case["params"].get("pass"), (case.get("basic") or "").partition(":")[2]):
        assert not secret or len(secret) < 3 or secret not in f"{error} {getattr(error, 'fix', '')}".split()
    return f"{type(error).__name__} {error.reason}" if isinstance(error, errors.Screened) else type(error).__name__


def _written(outcome: records.Outcome, case: site.Case) -> str:
    if outcome.error is not None:
        assert outcome.id is None
        return _error(outcome.error, case)
    assert outcome.id == site.LEAD
    return "applied" + (f": {' '.join(outcome.notes)}" if outcome.notes else "")


def _add(connector: VicidialConnector, case: site.Case) -> str:
    given = case["params"]
    change = site.create(given.get("phone_number", ""), given.get("list_id", "999"))
    return _written(connector.write("leads", [change])[0], case)


def _update(connector: VicidialConnector, case: site.Case) -> str:
    lead_id = GONE if case["params"].get("lead_id") == GONE else site.LEAD
    change = records.Change("update", site.key(), id=lead_id, fields={"last_name": "Smith"})
    return _written(connector.write("leads", [change])[0], case)


def _screen(connector: VicidialConnector, case: site.Case) -> str:
    change = records.Change(
        "update", site.key(), id=site.LEAD, fields={"phone_number": case["params"]["phone_number"], "phone_code": "1"}
    )
    return _written(connector.write("leads", [change])[0], case)


def _look_up(connector: VicidialConnector, case: site.Case) -> str:
    lead_id = case["params"].get("lead_id", site.LEAD)
    found = connector.get("leads", [lead_id if lead_id.isdigit() else site.LEAD])
    return "lead" if found else "no lead"


def _column(connector: VicidialConnector, case: site.Case) -> str:
    return f"value {connector._leads._column(site.LEAD, 'comments')}"


def _search(connector: VicidialConnector, case: site.Case) -> str:
    phones = case["params"]["phone_number"].split(",")
    found = connector._leads._search("phone_number", phones)
    return f"{sum(len(ids) for ids in found.values())} leads"


def _clock(connector: VicidialConnector, case: site.Case) -> str:
    assert connector.clock() == datetime.fromtimestamp(1795168800, UTC)
    return "instant"


def _calls(connector: VicidialConnector, case: site.Case) -> str:
    found = [record for page in connector.pull("calls", _SINCE, _UNTIL, ()) for record in page.records]
    return f"{len(found)} calls"


def _campaigns(connector: VicidialConnector, case: site.Case) -> str:
    return f"{len(connector._calls.campaigns())} campaigns"


def _agent_login(connector: VicidialConnector, case: site.Case) -> str:
    return probes.ask(connector._api, connector._options, probes.AGENT_LOGIN).state


def _probe(connector: VicidialConnector, case: site.Case) -> str:
    function = case["params"].get("function") or "get_call_log"
    return probes.ask(connector._api, connector._options, function).state


_ASKED: Mapping[str, Callable[[VicidialConnector, site.Case], str]] = {
    "": _probe,
    **dict.fromkeys((*probes.ADDITIONS, *probes.STOCK), _probe),
    "version": _clock,
    "add_lead": _add,
    "update_lead": _update,
    "lead_all_info": _look_up,
    "lead_field_info": _column,
    "lead_search": _search,
    "check_phone_number": _screen,
    "campaigns_list": _campaigns,
}


def _line(case: site.Case, function: str) -> str:
    """Of a function that the connector never calls: what its parser says, and that a refusal is known as one."""
    lines = answers.parse(site.recorded(case))
    if not lines:
        return "no line"
    refused = answers.refused_login(site.recorded(case), "6666") or (
        answers.refusal(lines[0], function, "6666") if lines[0].kind == "ERROR" else None
    )
    return _error(refused, case) if refused else f"{lines[0].kind} {lines[0].code}"
