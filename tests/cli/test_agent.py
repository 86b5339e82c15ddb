"""`syncd agent` as a command: its actions come from the connector, what is private from standard input."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli import shop as shops
from tests.vicidial import site

NUMBER = "7275551212"
PAUSE = ("agent", "acme", "external_pause", "1001", "--value", "PAUSE")


@pytest.fixture
def floor(shop: shops.Shop) -> shops.Shop:
    """A shop whose agent 1001 is at work, paused."""
    site.door(shop.sim.url, "agent", user="1001", campaign_id="TESTCAMP")
    return shop


def told(shop: shops.Shop) -> dict[str, str]:
    [agent] = site.door(shop.sim.url, "world", include=["agents"])["agents"]
    external: dict[str, str] = agent["external"]
    return external


def refused_logins(shop: shops.Shop) -> int:
    return shop.sim.world.users["6666"].failed_login_count


def paused(shop: shops.Shop) -> set[str]:
    """Who paused pipelines."""
    return {by for (by,) in shop.query("SELECT paused FROM pipeline WHERE paused != ''")}


def use_password(shop: shops.Shop, password: str, **options: Any) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"] |= {"password": password, **options}
    shop.write(settings)


def test_without_an_action_the_actions_are_listed_and_no_store_is_needed(bare: shops.Shop) -> None:
    ran = bare.syncd("agent", "acme")
    assert ran.code == 0
    assert "external_dial" in ran.out
    assert "Pause the agent" in ran.out
    listed = {one["name"]: one for one in bare.syncd("agent", "acme", "--json").json()}
    assert len(listed) == 16
    assert listed["external_pause"]["parameters"][0] == {
        "name": "value", "help": "What to do", "type": "one of the choices", "choices": ["PAUSE", "RESUME"],
        "required": True, "private": "",
    }  # fmt: skip
    assert bare.sim.functions == {}


@pytest.mark.parametrize("arguments", [("--help",), ("1001", "--help"), ("-h", "--json")])
def test_the_help_of_an_action_tells_what_it_takes(bare: shops.Shop, arguments: tuple[str, ...]) -> None:
    ran = bare.syncd("agent", "acme", "external_dial", *arguments)
    assert ran.code == 0
    text = " ".join(ran.out.replace("│", " ").split())
    for said in ("--phone-number", "personal data: give - and a line of standard input", "digits 2-16", "[choices:"):
        assert said in text, text
    assert "external_pause" in bare.syncd("agent", "acme", "--help").out


def test_an_action_is_done_and_told(floor: shops.Shop) -> None:
    ran = floor.syncd("agent", "acme", "external_status", "1001", "--status", "SALE")
    assert (ran.code, ran.err) == (0, "")
    assert told(floor) == {"external_status": "SALE"}
    done = floor.syncd(*PAUSE, "--json").json()
    assert (done["client"], done["action"], done["user"], done["done"]) == ("acme", "external_pause", "1001", "yes")
    assert done["at"].endswith("Z")
    assert floor.sim.passwords_in_get == 0


def test_numbers_and_names_come_from_standard_input_in_the_order_of_the_options(floor: shops.Shop) -> None:
    ran = floor.syncd(
        "agent", "acme", "external_add_lead", "1001", "--last_name", "-", "--phone-number=-", "--json",
        stdin=f"Lee\n{NUMBER}\r\n",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    [lead] = [one for one in site.leads(floor.sim.url) if one["phone_number"] == NUMBER]
    assert (lead["last_name"], ran.json()["lead_id"]) == ("Lee", str(lead["lead_id"]))
    assert NUMBER not in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("external_dial", "1001", "--phone-number", NUMBER), "", "--phone-number: personal data, never an argument"),
        (("external_dial", "1001", "--phone-number", "-"), "", "--phone-number: standard input has no line for it"),
        (("external_dial", "1001", "--phone-number", "-"), "+1 727 555 1212\n", "--phone-number: not accepted"),
        (("external_dial", "1001"), "", "nobody to call"),
        (("external_paus", "1001"), "", "there is no action of acme 'external_paus', did you mean external_pause?"),
        (("external_pause", "1001"), "", "parameter --value requires an argument"),
        (("external_pause",), "", "USER"),
        (("external_pause", "1001", "--value", "STOP"), "", 'Choose from: "PAUSE", "RESUME"'),
        (("external_hangup", "1001", "--valeu", "1"), "", "Unknown option: --valeu"),
        (("external_dial", "1001", NUMBER), "", "***"),
        (("external_hangup", "10 01"), "", "an agent's user has 2 to 20"),
        (
            ("external_status", "1001", "--status", "NI", "--callback-comments", "-"), "call Ann\n",
            "--callback-comments: needs callback_datetime",
        ),
        (
            ("login", "1001", "--phone-login", "a", "--phone-pass", "b", "--campaign", "c"), "",
            "--phone-pass: a secret, never an argument",
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_says_what_is_wrong_and_sends_nothing(
    floor: shops.Shop, arguments: tuple[str, ...], given: str, said: str
) -> None:
    ran = floor.syncd("agent", "acme", *arguments, stdin=given)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert "Ann" not in ran.err
    assert "555" not in ran.err
    assert floor.sim.functions == {}


def test_what_an_agent_cannot_do_now_is_1_and_surely_not_done(floor: shops.Shop) -> None:
    ran = floor.syncd("agent", "acme", "external_pause", "1002", "--value", "PAUSE", "--json")
    assert ran.code == 1
    assert "agent 1002: is not logged in" in ran.err
    assert ran.json()["done"] == "no"
    ran = floor.syncd("agent", "acme", "external_dial", "1001", "--phone-number", "-", stdin="7275550666\n")
    assert (ran.code, told(floor)) == (1, {})
    assert "do-not-call" in ran.err
    site.door(floor.sim.url, "faults", spec="busy")
    ran = floor.syncd(*PAUSE)
    assert ran.code == 1
    assert "nothing was done; try again later" in ran.err


def test_a_lost_answer_is_2_and_says_to_look_first(floor: shops.Shop) -> None:
    site.door(floor.sim.url, "faults", spec="reset_after")
    ran = floor.syncd(*PAUSE, "--json")
    assert ran.code == 2
    assert "may have been done for agent 1001" in ran.err
    assert "look before you repeat it" in ran.err
    assert ran.json()["done"] == "unknown"
    assert floor.sim.functions == {"agent.external_pause": 1}


def test_a_refused_login_costs_one_attempt_and_pauses_everything_until_resumed(floor: shops.Shop) -> None:
    floor.people(1)
    use_password(floor, "sesame")
    ran = floor.syncd(*PAUSE)
    assert ran.code == 2
    assert "refuses the login of user 6666" in ran.err
    assert refused_logins(floor) == 1
    for arguments in (PAUSE, ("run", "--once")):
        ran = floor.syncd(*arguments)
        assert ran.code == 2
        assert refused_logins(floor) == 1, arguments
    ran = floor.syncd(*PAUSE)
    assert "not sent: acme" in ran.err
    assert "syncd resume acme" in ran.err
    assert "sesame" not in ran.out + ran.err
    assert paused(floor) == {"auth"}
    use_password(floor, "1234")
    assert floor.syncd("resume", "acme").code == 0
    assert floor.syncd(*PAUSE).code == 0
    assert floor.syncd("run", "--once").code == 0
    assert floor.leads() == ["1"]


def test_what_the_daemon_found_refused_is_not_tried_for_an_agent_either(floor: shops.Shop) -> None:
    use_password(floor, "sesame")
    assert floor.syncd("pause", "acme").code == 0
    assert floor.syncd(*PAUSE).code == 2
    assert refused_logins(floor) == 1
    assert floor.syncd(*PAUSE).code == 2  # the operator's pause does not hide what the login is
    assert refused_logins(floor) == 1


def test_a_missing_permission_of_one_function_pauses_nothing(floor: shops.Shop) -> None:
    use_password(floor, "fewfuncs", user="7003")
    ran = floor.syncd(*PAUSE)
    assert ran.code == 2
    assert "api_allowed_functions" in ran.err
    assert paused(floor) == set()


def test_a_client_whose_systems_have_no_agents_says_so(bare: shops.Shop) -> None:
    ran = bare.syncd("agent", "acne")
    assert "there is no client 'acne', did you mean acme?" in ran.err
    assert ran.code == 2


def test_a_guides_login_reads_its_secret_and_tells_the_session(floor: shops.Shop) -> None:
    floor.sim.guide = True
    site.door(floor.sim.url, "agent", user="1001", logged_in=False)
    login = ("agent", "acme", "login", "1001", "--phone-login", "gs102", "--phone-pass", "-", "--campaign", "TESTCAMP")
    refused = floor.syncd(*login, stdin="sesame\n")
    assert refused.code == 2
    assert "sesame" not in refused.out + refused.err
    # once as a process of its own, as a script would
    ran = subprocess.run(
        [shops.COMMAND, *login], env=floor.environ({}), input="test\n", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answered: Mapping[str, str] = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())
    assert answered["session_id"] == "8600051"
    resume = ("agent", "acme", "external_pause", "1001", "--value", "RESUME")
    assert "--session-id: the session id is missing or another one" in floor.syncd(*resume).err
    assert floor.syncd(*resume, "--session-id", "8600051").code == 0
    assert floor.syncd("agent", "acme", "logout", "1001", "--session-id", "8600051").code == 0


def test_the_page_names_every_action_and_option(bare: shops.Shop) -> None:
    page = (Path(__file__).parents[2] / "docs" / "agent.md").read_text("utf-8")
    for action in bare.syncd("agent", "acme", "--json").json():
        assert f"| `{action['name']}` |" in page
        for one in action["parameters"]:
            # of a lead there are too many fields to list
            assert f"--{one['name'].replace('_', '-')}" in page or action["name"] == "external_add_lead", one
