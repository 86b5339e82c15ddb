"""`syncd init` writes a client's file that loads, by flags alone or by questions, and overwrites nothing."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cli import shop as shops

SAID = {
    "start": "now",
    "phone": "phone",
    "first_name": "first_name",
    "time_zone": "America/New_York",
    "crm.leads.table": "people",
    "crm.leads.id": "id",
    "crm.leads.modified": "modified",
    "dialer.user": "6666",
    "dialer.time_zone": "America/New_York",
    "fields.comments": "lead_status",
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


def flags(bare: shops.Shop, *leave_out: str, **more: str) -> list[str]:
    said = {**SAID, "dialer.url": bare.sim.url, **more}
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
    assert [path.stat().st_mode & 0o777 for path in (path, path.parent)] == [0o640, 0o750]
    text = path.read_text("utf-8")
    assert "url: ${credential:beta_crm_url}" in text
    assert "  # Column that names a row for ever" in text
    checked = bare.syncd("config", "check", environ=environ(bare))
    assert checked.code == 0, checked.err
    assert "2 systems answer" in checked.out


SALESFORCE = {
    "crm.url": "https://acme.my.salesforce.com",
    "crm.client_id": "consumer",
    "crm.client_secret": "${credential:beta_crm_url}",
}


@pytest.mark.parametrize(
    ("crm", "more", "secrets"),
    [
        (
            "hubspot",
            {"crm.calls.key_property": "vicidial_call_id"},
            ["beta_crm_token", "beta_dialer_password"],
        ),
        ("salesforce", SALESFORCE, ["beta_dialer_password"]),
    ],
)
def test_a_file_for_hubspot_or_salesforce_is_good_as_written_and_with_the_suggested_pipelines(
    bare: shops.Shop, folder: Path, crm: str, more: dict[str, str], secrets: list[str]
) -> None:
    (bare.folder / "secrets" / "beta_crm_token").write_text("pat-sim")
    said = flags(bare, *(key for key in SAID if key.startswith(("crm.", "fields."))), **more)
    said[said.index("sql")] = crm
    ran = bare.syncd("init", "beta", *said, "--json", environ=environ(bare))
    assert ran.code == 0, ran.err
    assert ran.json()["credentials"] == secrets
    checked = bare.syncd("config", "check", "--offline", environ=environ(bare))
    assert checked.code == 0, checked.err

    path = folder / "clients" / "beta.yaml"
    systems, _, rest = path.read_text("utf-8").partition("pipelines:\n")
    suggested = rest.partition("as an example:\n")[2].replace("\n  #", "\n  ").replace("  #", "  ", 1)
    path.write_text(f"agents: {{1001: ann@example.com}}\n{systems}pipelines:\n{suggested}", "utf-8")
    assert [*yaml.safe_load(path.read_text("utf-8"))["pipelines"]] == ["leads", "calls", "dispositions", "edits", "dnc"]
    checked = bare.syncd("config", "check", "--offline", environ=environ(bare))
    assert checked.code == 0, checked.err


def test_it_says_the_next_commands_and_which_secrets_to_write(bare: shops.Shop, folder: Path) -> None:
    ran = bare.syncd("init", "beta", *flags(bare), environ=environ(bare))
    lines = ran.out.splitlines()
    assert [line.split()[1:3] for line in lines[-3:]] == [["config", "check"], ["db", "upgrade"], ["plan", "beta"]]
    assert "beta_dialer_password" in ran.out
    assert (folder / "clients" / "beta.yaml").exists()


def test_without_a_terminal_everything_missing_is_said_at_once(bare: shops.Shop, folder: Path) -> None:
    ran = bare.syncd("init", "beta", *flags(bare, "start", "phone", "crm.leads.id"), environ=environ(bare))
    assert ran.code == 2
    said = [line.partition(":")[2].split(":")[0].strip() for line in ran.err.splitlines()]
    assert said == ["--set crm.leads.id=…", "--set start=…", "--set phone=…"]
    assert list(folder.iterdir()) == []
    assert "CLIENT: is missing" in bare.syncd("init", environ=environ(bare)).err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"crm.leads.modfied": "x"}, "crm.leads.modfied: no such option, did you mean modified?"),
        ({"fone": "x"}, "fone: nobody asked for this, did you mean phone?"),
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


def test_on_a_terminal_it_asks_and_offers_the_fields_that_exist(bare: shops.Shop, folder: Path) -> None:
    answers = ["beta", "people", "id", "modified", bare.sim.url, "6666", "now", "fone", "phone", "first_name", "", "y"]
    if len(_crms()) > 1:
        answers.insert(1, "sql")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [shops.COMMAND, "init"], env=bare.environ(environ(bare)), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert process.wait(60) == 0, said.decode()
    assert b"There is no fone: did you mean phone?" in said
    assert b"do_not_call" in said
    text = (folder / "clients" / "beta.yaml").read_text("utf-8")
    assert "phone_number: phone\n      first_name: first_name\n" in text
    assert "last_name" not in text.partition("# More that")[0]


def _crms() -> list[str]:
    from syncd.config import schema

    return [name for name, _ in schema.connectors("crm")]
