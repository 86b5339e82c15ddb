"""`check` finds what is wrong with a configured VICIdial, changes nothing and risks one login."""

from __future__ import annotations

import pydantic
import pytest

from syncd.simulators import vicidial
from syncd_vicidial.options import Options
from tests.vicidial import site


@pytest.mark.parametrize("profile", ["stock", "guide"])
def test_nothing_is_found_where_all_is_well_and_nothing_is_changed(profile: str) -> None:
    with vicidial.serve(profile=profile) as sim:
        before = site.door(sim.url, "world")
        with site.connected(sim.url, campaign_id="TESTCAMP", lists=("101", "102")) as dialer:
            assert dialer.check() == []
        after = site.door(sim.url, "world")
    assert {**after, "now": ""} == {**before, "now": ""}


@pytest.mark.parametrize(
    ("options", "where", "said"),
    [
        ({"lists": ("101", "777")}, "lists", "777"),
        ({"campaign_id": "NOPE"}, "campaign_id", "NOPE"),
        ({"time_zone": "Europe/Berlin"}, "time_zone", "UTC-5"),
        ({"time_zone": None}, "time_zone", "calls"),
        ({"local_call_time": "never"}, "user", "local_call_time"),
        ({"user": "7001", "password": "nomod"}, "user", "add_lead"),
        ({"user": "7003", "password": "fewfuncs"}, "user", "update_lead"),
        ({"user": "7004", "password": "noreports"}, "user", "lead_all_info"),
        ({"user": "7004", "password": "noreports"}, "call_source", "call_report_export.php"),
        ({"user": "7002", "password": "restricted", "lists": ("101", "102")}, "lists", "102"),
        ({"password": "pass word"}, "password", "characters"),
        ({"user": "bad&user"}, "user", "characters"),
        ({"password": "wrong"}, "user", "refuses the login"),
        ({"api_path": "/elsewhere.php"}, "url", "api_path"),
        ({"call_source": "get_call_log"}, "call_source", "get_call_log"),
    ],
)
def test_what_is_wrong_is_found_with_its_place(options: dict[str, object], where: str, said: str) -> None:
    with vicidial.serve() as sim, site.connected(sim.url, **options) as dialer:
        problems = dialer.check()
    found = [problem for problem in problems if problem.where == where and said in f"{problem.what} {problem.fix}"]
    assert found, problems
    assert found[0].fix


def test_a_refused_login_is_tried_once() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="wrong", lists=("101",)) as dialer:
        dialer.check()
        functions = site.door(sim.url, "requests")["functions"]
    assert sum(functions.values()) - functions["version"] == 1


def test_a_login_that_can_only_be_refused_is_not_tried() -> None:
    with vicidial.serve() as sim, site.connected(sim.url, password="p@ss") as dialer:
        dialer.check()
        assert site.door(sim.url, "requests")["functions"] == {"version": 1}


def test_another_kind_of_server_is_told_apart() -> None:
    with site.answering(lambda _: (200, "<html>Welcome</html>")) as url, site.connected(url) as dialer:
        [problem] = dialer.check()
    assert "api_path" in str(problem)


@pytest.mark.parametrize(
    "wrong",
    [{"source": "x"}, {"source": "a-b"}, {"time_zone": "Mars/Base"}, {"removed_status": "TOOLONG"}, {"nope": 1},
     {"connections": 0}, {"lists": ("12",)}, {"duplicate_check": "yes"}, {"api_path": "x"}],
)  # fmt: skip
def test_a_wrong_option_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Options.model_validate({"url": "http://localhost", "user": "6666", "password": "1234", **wrong})


def test_every_option_says_what_it_is_for() -> None:
    assert all(field.description for field in Options.model_fields.values())


def test_the_password_is_not_shown() -> None:
    options = Options.model_validate({"url": "http://localhost", "user": "6666", "password": "sesame"})
    assert "sesame" not in repr(options)
