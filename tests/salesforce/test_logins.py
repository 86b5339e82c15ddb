"""Each way to log in, against the simulated org; and what `check` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from syncd.sdk import errors
from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins
from syncd_salesforce.connector import SalesforceConnector
from syncd_salesforce.options import SalesforceOptions
from tests.salesforce.conftest import STATE, Site

APP, USER = logins.APP, logins.USER
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
OLD = {"username": USER["username"], "password": USER["password"], "security_token": USER["token"]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with salesforce.serve({**STATE, "jwt_public_key": PUBLIC}) as sim:
        yield sim.url


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return path


def checked(url: str, **options: Any) -> list[errors.Problem]:
    connector = SalesforceConnector(SalesforceOptions.model_validate({"url": url, **options}), client="acme")
    try:
        return connector.check()
    finally:
        connector.close()


def test_client_credentials_and_jwt_need_no_warning(url: str, key_file: Path) -> None:
    assert checked(url, client_id=APP["id"], client_secret=APP["secret"]) == []
    assert checked(url, client_id=APP["id"], username=USER["username"], private_key_file=key_file) == []


@pytest.mark.parametrize("app", [{}, {"client_id": APP["id"], "client_secret": APP["secret"]}])
def test_old_logins_work_and_are_warned_of_with_the_date(url: str, app: dict[str, str]) -> None:
    (warning,) = checked(url, **OLD, **app)
    assert not warning.fatal
    assert "27" in warning.what


def test_a_refused_login_is_said_without_the_secret(url: str) -> None:
    (problem,) = checked(url, client_id=APP["id"], client_secret="wrong-secret")
    assert problem.fatal
    assert "wrong-secret" not in str(problem)


def test_a_missing_key_field_and_a_wrong_condition_are_found(site: Site) -> None:
    found = site.connect(calls={"key_field": "Nope__c"}, where="Nope__c = 1").check()
    assert {problem.where for problem in found} == {"calls.key_field", "where"}


@pytest.mark.parametrize(
    "given", [{"client_id": "x"}, {"url": "http://acme.my.salesforce.com"}, {"where": "A = 'x' LIMIT 1", **OLD}]
)
def test_options_that_cannot_work_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"login|salesforce\.com|condition"):
        SalesforceOptions.model_validate({"url": "https://acme.my.salesforce.com", **given})


def test_fixed_values_are_checked(site: Site) -> None:
    found = site.connect().check_values("leads", {"Call_Status__c": {"sold", "nope"}, "OwnerId": {"who@example.com"}})
    assert {problem.where for problem in found} == {"Call_Status__c", "OwnerId"}
