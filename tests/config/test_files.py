"""Clients may have files of their own beside the main file; all that is wrong in any of them is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from syncd.config import compile as compiler
from syncd.config import load, models
from syncd.sdk import errors

from .conftest import PASSWORD

CLIENT = """\
crm: {type: memory}
dialer:
  type: vicidial
  url: http://127.0.0.1:9
  user: api
  password: ${env:SYNCD_TEST_PASSWORD}
pipelines:
  leads:
    start: now
    fields:
      phone_number: phone
"""
INSIDE = "clients:\n  beta:\n" + "".join(f"    {line}\n" for line in CLIENT.splitlines())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the configuration, which is the current one: files are named as the operator names them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clients").mkdir()
    return tmp_path


def write(folder: Path, files: Mapping[str, str], mode: int = 0o600) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(mode)


def read() -> models.Settings:
    return load.load(Path("syncd.yaml"))


def wrong() -> list[str]:
    with pytest.raises(errors.UserError) as caught:
        read()
    assert PASSWORD not in repr(caught.value)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("main", ["", "# nothing of its own\n", "store: sqlite:////tmp/x.db\n", "clients:\n"])
def test_each_file_is_a_client_called_by_the_files_name(folder: Path, main: str) -> None:
    write(folder, {"syncd.yaml": main, "clients/zeta.yaml": CLIENT, "clients/acme.yaml": CLIENT})
    settings = read()
    assert list(settings.clients) == ["acme", "zeta"]
    plans = compiler.clients(settings)
    assert [(plan.name, plan.pipelines[0].client) for plan in plans] == [("acme", "acme"), ("zeta", "zeta")]
    assert settings.warnings == ()


def test_clients_of_the_main_file_and_of_files_stand_side_by_side(folder: Path) -> None:
    write(folder, {"syncd.yaml": INSIDE, "clients/acme.yaml": CLIENT, "clients/.acme.yaml.swp": "x"})
    assert list(read().clients) == ["beta", "acme"]


def test_what_is_wrong_in_any_file_is_said_at_once_by_file_and_line(folder: Path) -> None:
    write(
        folder,
        {
            "syncd.yaml": "stor: x\n" + INSIDE.replace("start: now", "start: soon"),
            "clients/acme.yaml": CLIENT.replace("    start: now\n", "    start: now\n    evry: 5s\n"),
            "clients/broken.yaml": "crm: 'x\n",
            "clients/empty.yaml": "",
            "clients/gamma.yaml": CLIENT.replace("PASSWORD", "NOTHING"),
            "clients/Big Client.yaml": CLIENT,
        },
    )
    (folder / "clients" / "latin.yaml").write_bytes("a: Köln\n".encode("latin-1"))
    (folder / "clients" / "folder.yaml").mkdir()
    found = wrong()
    starts = [
        "clients/Big Client.yaml:1:1: the file's name cannot be a client's name – call it after the client",
        "clients/acme.yaml:10:5 pipelines.leads.evry: unknown key, did you mean every?",
        "clients/broken.yaml:2:1: not valid YAML: found unexpected end of stream",
        "clients/empty.yaml:1:1: the file is empty",
        "clients/folder.yaml: the file cannot be read: Is a directory",
        "clients/gamma.yaml:6:13 dialer.password: the environment variable SYNCD_TEST_NOTHING is not set",
        "clients/latin.yaml:1:5: the file is not UTF-8 text",
        "syncd.yaml:1:1 stor: unknown key, did you mean store?",
        "syncd.yaml:12:16 clients.beta.pipelines.leads.start: not a start",
    ]
    for line, start in zip(found, starts, strict=True):
        assert line.startswith(start)


def test_a_client_file_is_read_although_the_main_file_is_not_yaml(folder: Path) -> None:
    write(folder, {"syncd.yaml": "a: b: c\n", "clients/acme.yaml": "crm: 5\n"})
    found = wrong()
    assert [line.partition(": ")[0] for line in found] == [
        "clients/acme.yaml:1:1 dialer",
        "clients/acme.yaml:1:1 pipelines",
        "clients/acme.yaml:1:6 crm",
        "syncd.yaml:1:5",
    ]


def test_a_client_in_both_places_is_refused_with_both_and_checked_in_both(folder: Path) -> None:
    both = INSIDE.replace("beta", "acme").replace("start: now", "start: soon")
    write(folder, {"syncd.yaml": both, "clients/acme.yaml": CLIENT.replace("start: now", "start: later")})
    found = wrong()
    assert [line.partition(" – ")[0] for line in found] == [
        "clients/acme.yaml:1:1: the client is also in syncd.yaml:2:3",
        "clients/acme.yaml:9:12 pipelines.leads.start: not a start",
        "syncd.yaml:11:16 clients.acme.pipelines.leads.start: not a start",
    ]


def test_without_any_client_the_key_is_missing(folder: Path) -> None:
    write(folder, {"syncd.yaml": "store: sqlite:////tmp/x.db\n"})
    assert wrong()[0].startswith("syncd.yaml:1:1 clients: is missing")
    (folder / "clients").rmdir()
    assert wrong()[0].startswith("syncd.yaml:1:1 clients: is missing")
    (folder / "clients").write_text("no folder")
    assert any(line.startswith("clients: the folder cannot be read: Not a directory") for line in wrong())


def test_a_password_that_everybody_may_read_is_told_of_the_file_that_holds_it(folder: Path) -> None:
    literal = CLIENT.replace("${env:SYNCD_TEST_PASSWORD}", PASSWORD)
    write(folder, {"syncd.yaml": INSIDE, "clients/acme.yaml": literal, "clients/open.yml": literal}, 0o644)
    write(folder, {"clients/shut.yaml": literal})
    warnings = [str(one).partition(" – ")[0] for one in read().warnings]
    assert warnings == [
        "clients/acme.yaml:6:13 dialer.password: a password in a file that everybody may read",
        "clients/open.yml: is not read",
    ]


def test_a_secret_in_a_file_beside_the_clients_file_is_found(folder: Path) -> None:
    write(folder, {"clients/acme.pw": "abc", "syncd.yaml": ""})
    write(folder, {"clients/acme.yaml": CLIENT.replace("${env:SYNCD_TEST_PASSWORD}", "${file:acme.pw}")})
    assert list(read().clients) == ["acme"]
