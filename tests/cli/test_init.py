"""`syncd init` writes a client's file that loads, by flags alone or by questions, and overwrites nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins
from syncd_hubspot import HubspotConnector
from syncd_salesforce import SalesforceConnector
from tests.cli import shop as shops
from tests.cli import terminal
from tests.hubspot.portal import key_property, opened

SAID = {
    "start": "now",
    "phone": "phone",
    "first_name": "first_name",
    "time_zone": "America/New_York",
    "crm.leads.table": "people",
    "crm.leads.id": "id",
    "crm.leads.modified": "modified",
    "crm.calls.table": "calls",
    "crm.calls.key": "call_key",
    "dialer.user": "6666",
    "dialer.time_zone": "America/New_York",
    "fields.comments": "lead_status",
    "values.list_id": "101",
    "calls.fields.person": "crm_id",
    "calls.fields.status": "status",
    "dispositions.instead.call_status": "lead_status",
}


@pytest.fixture
def folder(bare: shops.Shop) -> Path:
    """A folder for a configuration, empty, with the secrets of a client beside it."""
    made = bare.folder / "etc"
    made.mkdir()
    (bare.folder / "secrets").mkdir()
    (bare.folder / "secrets" / "beta_crm_url").write_text(f"sqlite:///{bare.folder}/crm.db")
    (bare.folder / "secrets" / "beta_dialer_password").write_text("1234")
    return made


_INSTEAD = ("--set", "dispositions.instead.do_not_call=barred")
SOME = "leads,calls,dispositions,edits,dnc"


def flags(bare: shops.Shop, *leave_out: str, **more: str) -> list[str]:
    said = {"pipelines": SOME, **SAID, "dialer.url": bare.sim.url, **more}
    pairs = [f"{key}={value}" for key, value in said.items() if key not in leave_out]
    return ["--crm", "sql", "--dialer", "vicidial", *(part for pair in pairs for part in ("--set", pair))]


def environ(bare: shops.Shop) -> dict[str, str]:
    return {"CREDENTIALS_DIRECTORY": str(bare.folder / "secrets"), "SYNCD_CONFIG": str(bare.folder / "etc/syncd.yaml")}


def test_by_flags_alone_it_writes_what_config_check_finds_good(bare: shops.Shop, folder: Path) -> None:
    ran = bare.syncd("init", "beta", *flags(bare), "--json", environ=environ(bare))
    assert (ran.code, ran.err) == (0, "")
    path = folder / "clients" / "beta.yaml"
    assert ran.json()["written"] == [str(path), str(folder / "syncd.yaml")]
    assert ran.json()["credentials"] == ["beta_crm_url", "beta_dialer_password"]
    assert ran.json()["left_out"] == {
        "dispositions": ["last_call_at", "last_agent"],
        "edits": ["last_name", "email", "zip"],
    }
    assert [path.stat().st_mode & 0o777 for path in (path, path.parent)] == [0o640, 0o750]
    text = path.read_text("utf-8")
    assert "url: ${credential:beta_crm_url}" in text
    assert "  # Column that names a row for ever" in text
    written = yaml.safe_load(text)["pipelines"]
    assert {kind: sorted(one["fields"]) for kind, one in written.items()} == {
        "leads": ["comments", "first_name", "list_id", "phone_number"],
        "calls": ["person", "status"],
        "dispositions": ["do_not_call", "lead_status"],
        "edits": ["first_name"],
        "dnc": ["do_not_call"],
    }
    assert {one["mode"] for one in written.values()} == {"shadow"}
    checked = bare.syncd("config", "check", environ=environ(bare))
    assert checked.code == 0, checked.err
    assert "2 systems answer" in checked.out


@contextmanager
def far_side(bare: shops.Shop, crm: str) -> Iterator[dict[str, str]]:
    """A simulated HubSpot or Salesforce, the secrets for it in place; yields what `init` must be told of it."""
    if crm == "hubspot":
        with opened(key_property()) as portal:
            secrets = {"token": "pat-sim"}
            yield {"crm.url": portal.sim.url, **_put(bare, secrets)}
    else:
        user = {"Name": "Ann", "Username": "agent@acme.test", "Email": "agent@example.com"}
        with salesforce.serve({"records": {"User": [user]}}) as org:
            secrets = {"client_id": logins.APP["id"], "client_secret": logins.APP["secret"]}
            yield {"crm.url": org.url, "crm.time_zone": "America/New_York", **_put(bare, secrets)}


def _put(bare: shops.Shop, secrets: Mapping[str, str]) -> dict[str, str]:
    for name, secret in secrets.items():
        (bare.folder / "secrets" / f"beta_crm_{name}").write_text(secret)
    return {}


def everything(crm: str) -> list[str]:
    """The pipelines that this CRM's connector suggests."""
    suggested = (HubspotConnector.EXAMPLE if crm == "hubspot" else SalesforceConnector.EXAMPLE).pipelines
    assert {"leads", "calls", "dispositions"} <= suggested.keys()
    return sorted(suggested)


@pytest.mark.parametrize(
    ("crm", "phone", "secrets"),
    [("hubspot", "mobilephone", ["token"]), ("salesforce", "MobilePhone", ["client_id", "client_secret"])],
)
def test_a_file_for_hubspot_or_salesforce_is_good_as_written(
    bare: shops.Shop, folder: Path, crm: str, phone: str, secrets: list[str]
) -> None:
    with far_side(bare, crm) as more:
        more |= {"phone": phone, "start": "now", "agents.1001": "agent@example.com"}
        more |= {"dialer.url": bare.sim.url, "dialer.user": "6666", "dialer.time_zone": "America/New_York"}
        more |= {"values.list_id": "101"}
        said = [part for key, value in more.items() for part in ("--set", f"{key}={value}")]
        asked = ["--crm", crm, "--dialer", "vicidial", *said, "--json"]
        ran = bare.syncd("init", "beta", *asked, environ=environ(bare))
        assert ran.code == 0, ran.err
        assert ran.json()["credentials"] == [*(f"beta_crm_{name}" for name in secrets), "beta_dialer_password"]
        assert ran.json()["left_out"] == {}
        assert ("syncd setup beta" in ran.json()["next"]) == (crm == "hubspot")
        path = folder / "clients" / "beta.yaml"
        assert sorted(yaml.safe_load(path.read_text("utf-8"))["pipelines"]) == everything(crm)
        checked = bare.syncd("config", "check", environ=environ(bare))
        assert checked.code == 0, checked.err

        ran = bare.syncd("init", "gamma", *asked, "--pipelines", "leads,calls", environ=environ(bare))
        assert ran.code == 0, ran.err
        written = yaml.safe_load((folder / "clients" / "gamma.yaml").read_text("utf-8"))
        assert [*written["pipelines"]] == ["leads", "calls"]


def test_what_is_suggested_beside_the_chosen_pipelines_is_good_too(bare: shops.Shop, folder: Path) -> None:
    _put(bare, {"token": "pat-sim"})
    said = flags(bare, *(key for key in SAID if key.startswith(("crm.", "fields.", "calls.", "dispositions."))))
    said[said.index("sql")] = "hubspot"
    ran = bare.syncd("init", "beta", *said, "--pipelines", "leads", environ=environ(bare))
    assert ran.code == 0, ran.err
    path = folder / "clients" / "beta.yaml"
    systems, _, rest = path.read_text("utf-8").partition("pipelines:\n")
    suggested = rest.partition("suggests beside that:\n")[2].replace("\n  #", "\n  ").replace("  #", "  ", 1)
    systems = systems.replace("#agents:", "agents: {1001: ann@example.com}")
    systems = systems.replace("  #calls:", "  calls:\n    key_property: vicidial_call_id")
    systems = systems.replace("  #tasks:", "  tasks:\n    key_property: vicidial_callback_id")
    path.write_text(f"{systems}pipelines:\n{suggested}", "utf-8")
    assert sorted(yaml.safe_load(path.read_text("utf-8"))["pipelines"]) == everything("hubspot")
    checked = bare.syncd("config", "check", "--offline", environ=environ(bare))
    assert checked.code == 0, checked.err


def test_a_crm_that_cannot_be_asked_yet_gets_all_that_is_suggested(bare: shops.Shop, folder: Path) -> None:
    (bare.folder / "secrets" / "beta_crm_url").unlink()
    ran = bare.syncd("init", "beta", *flags(bare), "--json", environ=environ(bare))
    assert ran.code == 0, ran.err
    written = yaml.safe_load((folder / "clients" / "beta.yaml").read_text("utf-8"))["pipelines"]
    assert [*written["edits"]["fields"]] == ["first_name", "last_name", "email", "zip"]
    assert written["edits"]["policy"] == {"email": "newest"}


def test_whom_the_other_pipelines_mark_as_do_not_call_leads_does_not_dial(bare: shops.Shop, folder: Path) -> None:
    config = str(folder / "syncd.yaml")
    for name, more, expected in (
        ("beta", [], "do_not_call"),
        ("gamma", ["--set", "dnc.instead.do_not_call=barred", *_INSTEAD], "barred"),
        ("delta", ["--set", "opt_out="], None),
    ):
        ran = bare.syncd("init", name, *flags(bare), *more, "--config", config, environ=environ(bare))
        assert ran.code == 0, ran.err
        leads = yaml.safe_load((folder / "clients" / f"{name}.yaml").read_text("utf-8"))["pipelines"]["leads"]
        assert leads.get("opt_out") == (expected and {expected: True})


def test_the_crm_is_asked_though_the_dialers_password_is_not_there_yet(bare: shops.Shop, folder: Path) -> None:
    (bare.folder / "secrets" / "beta_dialer_password").unlink()
    ran = bare.syncd("init", "beta", *flags(bare), "--config", str(folder / "syncd.yaml"), environ=environ(bare))
    assert ran.code == 0, ran.err
    assert "only as a comment, the CRM has no such field: dispositions: " in ran.out


def test_without_agents_what_takes_them_is_left_out(bare: shops.Shop, folder: Path) -> None:
    (bare.folder / "secrets" / "beta_crm_url").unlink()
    said = flags(bare, "calls.fields.person", "calls.fields.status")
    ran = bare.syncd("init", "beta", *said, environ=environ(bare))
    assert ran.code == 0, ran.err
    assert "only as a comment, needs `agents` above: calls: agent" in ran.out
    text = (folder / "clients" / "beta.yaml").read_text("utf-8")
    assert "      # needs `agents` above:\n      #agent: {from: user, agents: owner" in text
    assert "agent" not in yaml.safe_load(text)["pipelines"]["calls"]["fields"]


def test_it_says_the_next_commands_and_which_secrets_to_write(bare: shops.Shop, folder: Path) -> None:
    ran = bare.syncd("init", "beta", *flags(bare), environ=environ(bare))
    lines = ran.out.splitlines()
    assert [line.split()[1:3] for line in lines[-3:]] == [["config", "check"], ["db", "upgrade"], ["plan", "beta"]]
    assert "beta_dialer_password" in ran.out
    assert (folder / "clients" / "beta.yaml").exists()


def test_without_a_terminal_everything_missing_is_said_at_once(bare: shops.Shop, folder: Path) -> None:
    missing = ("start", "phone", "values.list_id", "crm.leads.id", "crm.calls.key", "dialer.time_zone")
    ran = bare.syncd("init", "beta", *flags(bare, *missing), environ=environ(bare))
    assert ran.code == 2
    said = [line.partition(":")[2].split(":")[0].strip() for line in ran.err.splitlines()]
    options = ["crm.leads.id", "crm.calls.key", "dialer.time_zone", "start", "phone", "values.list_id"]
    assert said == [f"--set {key}=…" for key in options]
    few = bare.syncd("init", "beta", *flags(bare, *missing), "--pipelines", "leads", environ=environ(bare))
    assert "crm.calls" not in few.err
    assert "time_zone" not in few.err
    assert list(folder.iterdir()) == []
    assert "CLIENT: is missing" in bare.syncd("init", environ=environ(bare)).err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"crm.leads.modfied": "x"}, "crm.leads.modfied: no such option, did you mean modified?"),
        ({"fone": "x"}, "fone: nobody asked for this, did you mean phone?"),
        ({"pipelines": "leads,call"}, "there is no pipeline call, did you mean calls?"),
        ({"pipelines": "calls"}, "leads is missing"),
        ({"calls.instead.persn_id": "x"}, "did you mean person_id?"),
        ({"calls.feilds.x": "y"}, "nobody asked for this"),
        ({"agents": "x"}, "nobody asked for this"),
        ({"dispositions.instead.call_status": "", "dispositions.instead.do_not_call": ""}, "the CRM has none of the"),
        ({"dialer.password": "s3cret"}, "dialer.password: a secret does not belong on a command line"),
        ({"crm.url": "mysql://u:s3cret@h/d"}, "crm.url: a secret does not belong on a command line"),
        ({"start": "soon"}, "pipelines.leads.start: not a start"),
        ({"dialer.connections": "99"}, "dialer.connections: must be less than or equal to 32"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_nothing_is_written(
    bare: shops.Shop, folder: Path, more: dict[str, str], said: str
) -> None:
    ran = bare.syncd("init", "beta", *flags(bare, **more), environ=environ(bare))
    assert ran.code == 2
    assert said in ran.err
    assert "s3cret" not in ran.err
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(bare: shops.Shop, folder: Path) -> None:
    assert bare.syncd("init", "beta", *flags(bare), environ=environ(bare)).code == 0
    (folder / "syncd.yaml").write_text("stop_seconds: 20s\n")
    before = (folder / "clients" / "beta.yaml").read_text()
    ran = bare.syncd("init", "beta", *flags(bare, phone="other"), environ=environ(bare))
    assert ran.code == 2
    assert "beta.yaml: the file is there already" in ran.err
    assert (folder / "clients" / "beta.yaml").read_text() == before
    assert bare.syncd("init", "gamma", *flags(bare), environ=environ(bare)).code == 0
    assert (folder / "syncd.yaml").read_text() == "stop_seconds: 20s\n"
    taken = bare.syncd("init", "acme", *flags(bare))
    assert taken.code == 2
    assert "syncd.yaml:2:3: the client acme is there already" in taken.err
    assert "not a client's name" in bare.syncd("init", "../x", *flags(bare), environ=environ(bare)).err


@pytest.mark.parametrize("value", ["true", "null", "a: b", "x # y", "'q'", "- a", "{{ a }}", "012", "Ö", "a\nb", "*x"])
def test_any_name_of_a_field_gets_into_the_file_as_it_is(bare: shops.Shop, folder: Path, value: str) -> None:
    output = folder / "out.yaml"
    ran = bare.syncd("init", "beta", *flags(bare, phone=value), "--output", output, environ=environ(bare))
    assert ran.code == 0, ran.err
    assert not (folder / "clients").exists()
    written = yaml.load(output.read_text("utf-8"), yaml.BaseLoader)  # noqa: S506  # texts only
    assert written["pipelines"]["leads"]["fields"]["phone_number"] == value


def answer(screen: terminal.Terminal, *dialogue: tuple[str, str]) -> None:
    """Wait for each question and type its answer."""
    for question, given in dialogue:
        screen.wait_for(question)
        screen.type(f"{given}\n")


def test_on_a_terminal_it_asks_and_offers_the_fields_that_exist(bare: shops.Shop, folder: Path) -> None:
    with terminal.opened(["init"], bare.environ(environ(bare))) as screen:
        answer(
            screen,
            ("The client's name", "beta"),
            ("The crm's connector", "sql"),
            ("Which pipelines, with commas (leads,calls,dispositions", "leads,call"),
            ("did you mean calls?", SOME),
            ("Table or view to read", "people"),
            ("names a row for ever", "id"),
            ("last change", "modified"),
            ("Table to write", "calls"),
            ("call's key", "call_key"),
            ("Address of the VICIdial", bare.sim.url),
            ("API user", "6666"),
            ("Time zone of the server", "America/New_York"),
            ("From when on", "now"),
            ("phone number to dial", "fone"),
            ("There is no fone: did you mean phone?", "phone"),
            ("first name", "first_name"),
            ("last name", ""),
            ("must not be called", "do_not_call"),
            ("list that new leads go to", "101"),
            ("calls: the CRM has no person_id, which is to get crm_id", "person"),
            ("no started_at", ""),
            ("no result, which is to get status", "status"),
            ("no agent, which is to get user", ""),
            ("no campaign", ""),
            ("dispositions: the CRM has no call_status", "lead_status"),
            ("no last_call_at", ""),
            ("no last_agent", ""),
            ("edits: the CRM has no last_name", ""),
            ("no email", ""),
            ("no zip", ""),
            ("Write", "y"),
        )
        assert screen.end() == 0, screen.shown
    assert screen.shown.count("There are: ") == 4  # the people's, the calls', and twice the people's that are free
    text = (folder / "clients" / "beta.yaml").read_text("utf-8")
    assert "phone_number: phone\n      first_name: first_name\n" in text
    assert "opt_out: {do_not_call: true}" in text
    written = yaml.safe_load(text)["pipelines"]
    assert {kind: sorted(one["fields"]) for kind, one in written.items()} == {
        "leads": ["first_name", "list_id", "phone_number"],
        "calls": ["person", "seconds", "status"],
        "dispositions": ["do_not_call", "lead_status"],
        "edits": ["first_name"],
        "dnc": ["do_not_call"],
    }
    checked = bare.syncd("config", "check", environ=environ(bare))
    assert checked.code == 0, checked.err


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_on_a_terminal_hubspot_and_salesforce_are_asked_for_little(bare: shops.Shop, folder: Path, crm: str) -> None:
    with far_side(bare, crm) as said:
        asked = ["init", "--crm", crm] + ([f"--set=crm.url={said['crm.url']}"] if crm == "hubspot" else [])
        with terminal.opened(asked, bare.environ(environ(bare))) as screen:
            answer(
                screen,
                ("The client's name", "beta"),
                ("Which pipelines", ""),
                *(
                    [("My Domain address", said["crm.url"]), ("Time zone of days", "America/New_York")]
                    if crm == "salesforce"
                    else []
                ),
                ("Address of the VICIdial", bare.sim.url),
                ("API user", "6666"),
                ("Time zone of the server", "America/New_York"),
                ("From when on", "now"),
                ("phone number to dial", "MobilePhone" if crm == "salesforce" else "mobilephone"),
                ("first name", ""),
                ("last name", ""),
                ("must not be called", ""),
                ("list that new leads go to", "101"),
                ("Who is who", "1001"),
                ("Write it like", "1001=agent@example.com"),
                ("Write", "y"),
            )
            assert screen.end() == 0, screen.shown
        path = folder / "clients" / "beta.yaml"
        written = yaml.safe_load(path.read_text("utf-8"))
        assert sorted(written["pipelines"]) == everything(crm)
        assert written["agents"] == {1001: "agent@example.com"}
        checked = bare.syncd("config", "check", environ=environ(bare))
        assert checked.code == 0, checked.err
