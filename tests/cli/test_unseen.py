"""Files of which the system does not even say whether they are there, as in a folder that is closed to this user. That
is said, without a traceback. A name that is too long gives the same to root, who may look into every folder."""

from __future__ import annotations

import pytest

from tests.cli import shop as shops

UNSEEN = f"/tmp/{'x' * 300}"
WHY = "File name too long"


@pytest.mark.parametrize("command", [("status",), ("run", "--once"), ("db", "current"), ("db", "check")])
def test_a_store_that_cannot_be_looked_at(bare: shops.Shop, command: tuple[str, ...]) -> None:
    settings = bare.settings()
    settings["store"] = f"sqlite:///{UNSEEN}/syncd.db"
    bare.write(settings)
    ran = bare.syncd(*command)
    assert ran.code == 2, ran.err
    assert f"the state store cannot be looked at: {WHY} – run syncd as its own user" in ran.err
    assert bare.syncd("config", "check").code == 0, "which asks the CRM and the dialer, with or without a store"


def test_a_crms_file_that_cannot_be_looked_at(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["crm"]["url"] = f"sqlite:///{UNSEEN}/crm.db"
    shop.write(settings)
    ran = shop.syncd("config", "check")
    assert ran.code == 2, ran.err
    assert f"crm.url: {UNSEEN}/crm.db: {WHY}" in ran.err


def test_a_credential_that_cannot_be_looked_at(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["dialer"]["password"] = f"${{credential:{'x' * 300}}}"
    shop.write(settings)
    ran = shop.syncd("config", "check", "--offline", environ={"CREDENTIALS_DIRECTORY": str(shop.folder)})
    assert ran.code == 2, ran.err
    assert f"cannot be read: {WHY}" in ran.err


@pytest.mark.parametrize("option", ["--output", "--config"])
def test_a_place_for_a_clients_file_that_cannot_be_looked_at(bare: shops.Shop, option: str) -> None:
    ran = bare.syncd("init", "beta", "--crm", "hubspot", option, f"{UNSEEN}/beta.yaml")
    assert ran.code == 2, ran.err
    assert f"beta.yaml: cannot be looked at: {WHY}" in ran.err
