"""Secrets come from the environment, files and systemd, and go nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from .conftest import HEAD, PASSWORD, Load, Wrong

REST = "    pipelines: {leads: {start: now, fields: {phone_number: phone}}}\n"


def with_password(text: str) -> str:
    return HEAD.replace('"${env:SYNCD_TEST_PASSWORD}"', text) + REST


def password_of(settings: object) -> str:
    options = settings.clients["acme"].dialer.options  # type: ignore[attr-defined]  # the connector's own model
    assert isinstance(options.password, SecretStr)
    assert PASSWORD not in repr(settings)
    return options.password.get_secret_value()


def test_a_secret_comes_from_the_environment(good: Load) -> None:
    assert password_of(good(HEAD + REST)) == PASSWORD


def test_a_secret_comes_from_a_file_without_its_line_end_also_beside_the_configuration(
    good: Load, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert password_of(good(with_password(f'"${{file:{tmp_path}/password}}"'))) == PASSWORD
    assert password_of(good(with_password('"${file:password}"'))) == PASSWORD


def test_a_secret_comes_from_a_systemd_credential(good: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dialer").write_text(PASSWORD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert password_of(good(with_password('"${credential:dialer}"'))) == PASSWORD


def test_secrets_stand_inside_a_longer_text_and_a_doubled_dollar_is_plain(good: Load) -> None:
    text = "store: postgresql://u:${env:SYNCD_TEST_PASSWORD}@h/$${x}\n" + HEAD + REST
    settings = good(text)
    assert settings.store.get_secret_value() == f"postgresql://u:{PASSWORD}@h/${{x}}"
    assert PASSWORD not in repr(settings)


def test_a_secret_is_text_whatever_it_looks_like(good: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("true", "012", "null", "a: b #c"):
        monkeypatch.setenv("SYNCD_TEST_PASSWORD", value)
        assert good(HEAD + REST).clients["acme"].dialer.options.password.get_secret_value() == value  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("${env:SYNCD_TEST_NONE}", "the environment variable SYNCD_TEST_NONE is not set"),
        ("${env:SYNCD_TEST_EMPTY}", "the environment variable SYNCD_TEST_EMPTY is empty"),
        ("${file:/no/such/file}", "the file /no/such/file cannot be read: No such file or directory"),
        ("${file:/dev/null}", "the file /dev/null is empty"),
        ("${credential:pw}", "the credential pw is not there: $CREDENTIALS_DIRECTORY is not set"),
        ("${credential:../pw}", "a credential's name holds no /"),
        ("${SYNCD_TEST_PASSWORD}", "a `${…}` that is none of ${env:NAME}, ${file:/path}, ${credential:name}"),
        ("${env:SYNCD_TEST_PASSWORD", "`${` without its `}`"),
    ],
)
def test_a_missing_secret_is_named_with_its_line(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    monkeypatch.setenv("SYNCD_TEST_EMPTY", "")
    lines = wrong(with_password(f'"{text}"'))
    assert len(lines) == 1
    assert lines[0].startswith(f"syncd.yaml:4:78 clients.acme.dialer.password: {what}")
    assert " – " in lines[0]


def test_a_secret_in_the_wrong_place_does_not_get_into_the_message(wrong: Wrong) -> None:
    dialer = HEAD.replace("user: api", "user: api, call_source: '${env:SYNCD_TEST_PASSWORD}'")
    assert len(wrong(dialer + REST)) == 1
    assert len(wrong(HEAD.replace("type: memory", "type: '${env:SYNCD_TEST_PASSWORD}'") + REST)) == 1
    assert len(wrong(HEAD + REST + "stop_seconds: ${env:SYNCD_TEST_PASSWORD}\n")) == 1
