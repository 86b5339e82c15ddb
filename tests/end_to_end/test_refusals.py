"""A VICIdial that refuses: a clear message, no lock-out, and everything flows once it is mended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.engine import operate, parts
from syncd.simulators.vicidial import auth
from syncd.store import held, streams
from tests.end_to_end import dialer
from tests.end_to_end import site as sites

WRONG = "wrong-Password"
PIPELINES = ("leads", "calls", "dispositions")


def user(site: sites.Site) -> Any:
    """The API user's row in the dialer."""
    return site.simulator.world.users[dialer.API_USER]


def keys(site: sites.Site) -> list[str]:
    """The keys of all leads, sorted."""
    return sorted(lead["vendor_lead_code"] for lead in site.door.leads() if lead["vendor_lead_code"])


def first(reports: list[parts.Report]) -> parts.Report:
    """The report of the CRM's people."""
    return reports[0]


def test_a_list_that_does_not_exist_holds_its_people_and_no_others(site: sites.Site) -> None:
    rules = [{"when": {"name": "Ann"}, "value": "909"}]
    fields = {"phone_number": "phone", "first_name": "name", "list_id": {"rules": rules, "default": dialer.LIST}}
    life = site.start(site.settings(leads={"fields": fields}))
    site.settle(life)
    assert keys(site) == ["2"]
    hint = site.hints()["1"]
    assert "there is no list 909" in hint
    assert "create the list in VICIdial or correct the mapping" in hint

    lists = site.simulator.world.lists
    lists["909"] = lists[dialer.LIST]
    (retried,) = operate.retry(life.engine, life.client, held.listed(site.db))
    assert retried.state == "staged"
    site.settle(life)
    assert keys(site) == ["1", "2"]
    assert site.hints() == {}


def test_a_wrong_password_is_tried_once_and_pauses_the_client(site: sites.Site) -> None:
    life = site.start(site.settings(dialer_options={"url": site.simulator.url, "password": WRONG}))
    reports = [report for _ in range(5) for report in site.round(life)]
    assert {report.result for report in reports} == {"paused"}
    assert user(site).failed_login_count == 1
    why = site.paused()
    assert sorted(why) == sorted(PIPELINES)
    assert f"VICIdial refuses the login of user {dialer.API_USER}" in why["leads"]
    assert WRONG not in str(reports)
    assert keys(site) == []

    life = site.start()  # with the right password
    assert {report.result for report in site.round(life)} == {"paused"}, "nobody has said that it is mended"
    assert streams.resume(site.db, sites.CLIENT, PIPELINES, now=site.now()) == list(PIPELINES)
    site.settle(life)
    assert keys(site) == ["1", "2"]
    assert user(site).failed_login_count == 0


def test_a_wrong_password_never_locks_the_account_and_all_flows_once_it_is_right(site: sites.Site) -> None:
    life = site.start(site.settings(dialer_options={"url": site.simulator.url, "password": WRONG}))
    began = site.now()
    tries = []
    while site.now() < began + timedelta(hours=12):
        before = user(site).failed_login_count
        site.round(life)
        site.door.ask("clock", offset_seconds=site.ahead.total_seconds())
        assert not auth.is_locked(site.simulator.world, user(site))
        tries += [site.now()] * (user(site).failed_login_count - before)
        site.wait(life)
    assert 3 <= len(tries) < auth.LOCK_AFTER_FAILURES
    quarter = timedelta(seconds=auth.LOCK_SECONDS)
    assert max(sum(moment <= one < moment + quarter for one in tries) for moment in tries) <= 3

    site.settle(site.start())
    assert keys(site) == ["1", "2"]


@pytest.mark.parametrize(
    ("rights", "function", "setting"),
    [
        ({"modify_leads": 0}, "lead_search", "modify_leads 1 to 5"),
        ({"api_allowed_functions": ["lead_search"]}, "add_lead", "add add_lead to the user's api_allowed_functions"),
        ({"export_reports": 0}, "call_report_export.php", "export_reports"),
    ],
)
def test_a_missing_permission_is_named_with_its_user_and_setting(
    tmp_path: Path, rights: dict[str, object], function: str, setting: str
) -> None:
    store_url = f"sqlite:///{tmp_path / 'syncd.db'}"
    with sites.opened(tmp_path, store_url, state=dialer.state(**rights)) as site:
        site.crm.enter("1", name="Ann", phone="727 555 0001")
        life = site.start()
        site.round(life)
        why = site.paused()["leads"]
        assert f"user {dialer.API_USER}" in why
        assert function in why
        assert setting in why
        assert user(site).failed_login_count == 0

        given = dialer.state()["users"][0]
        for name in rights:
            setattr(user(site), name, given.get(name, ["ALL_FUNCTIONS"]))
        site.settle(life)
        assert keys(site) == ["1"]


def test_web_pages_instead_of_answers_are_called_that_and_lose_nothing(site: sites.Site) -> None:
    site.door.ask("faults", spec="all.html")
    life = site.start()
    report = first(site.round(life))
    assert report.result == "failed"
    assert "answers lead_search with a web page; check the options url and api_path" in report.error
    site.door.ask("faults", spec="")
    site.settle(life)
    assert keys(site) == ["1", "2"]


def test_a_wrong_path_on_the_right_server_says_which_option_to_look_at(site: sites.Site) -> None:
    options = {"url": site.simulator.url, "api_path": "/vicidial/welcome.php"}
    report = first(site.round(site.start(site.settings(dialer_options=options))))
    assert report.result == "failed"
    assert "HTTP 404; check the options url, api_path and export_path" in report.error
    site.settle(site.start())
    assert keys(site) == ["1", "2"]
