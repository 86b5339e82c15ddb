"""Custom fields of VICIdial's lists through the engine: a lead without them is not done, whatever happens in between;
and what the dialer keeps otherwise than the CRM has it is told once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from syncd.store import tables
from syncd.store.database import Database
from tests.end_to_end import dialer
from tests.end_to_end import site as sites

COMMAND = Path(sys.executable).with_name("syncd")
FIELDS = {
    "phone_number": "phone",
    "first_name": "name",
    "list_id": {"rules": [{"when": {"name": "Otto"}, "value": dialer.OTHER_LIST}], "default": dialer.LIST},
    "crm_mail": {"from": "email", "clear": True},
}


@contextmanager
def opened(folder: Path, **system: object) -> Iterator[sites.Site]:
    """A customer whose list has a custom field that is mapped, and one person."""
    state = dialer.state(modify_lists=1)
    state["system"] |= system
    state["custom_fields"] = {dialer.LIST: ["crm_mail VARCHAR(20)", "seen_by VARCHAR(20)"]}
    with sites.opened(folder, f"sqlite:///{folder / 'syncd.db'}", state=state) as site:
        site.crm.enter("1", name="Ann", email="ann@example.com", phone="727 555 0001")
        yield site


@pytest.fixture(params=[0, 1], ids=["not at once", "at once"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sites.Site]:
    """The customer of a server of either build."""
    with opened(tmp_path, custom_fields_at_add=request.param) as made:
        yield made


def started(site: sites.Site) -> sites.Life:
    return site.start(site.settings(leads={"fields": FIELDS}))


def mails(site: sites.Site) -> dict[str, str]:
    """Key → custom value, of the leads that have custom values."""
    found = site.door.ask("world", include=["custom_fields"])["custom_fields"][dialer.LIST]
    keys = {str(lead["lead_id"]): lead["vendor_lead_code"] for lead in site.door.leads()}
    return {keys[lead_id]: values["crm_mail"] for lead_id, values in found.items()}


def ours(site: sites.Site) -> list[dict[str, Any]]:
    return [lead for lead in site.door.leads() if lead["vendor_lead_code"] == "1"]


def told(site: sites.Site) -> list[str]:
    """What events say of altered fields, oldest first."""
    event = tables.event
    with site.db.read() as connection:
        rows = connection.execute(sa.select(event.c.detail).where(event.c.step == "altered").order_by(event.c.id))
        return list(rows.scalars())


def test_custom_values_follow_the_crm(site: sites.Site) -> None:
    life = started(site)
    site.settle(life)
    assert mails(site) == {"1": "ann@example.com"}
    site.crm.change("1", email="a@example.com")
    site.settle(life)
    assert mails(site) == {"1": "a@example.com"}
    site.crm.change("1", email=None)
    site.settle(life)
    assert mails(site) == {"1": ""}
    before = site.door.requests("update_lead")
    site.settle(life)
    assert site.door.requests("update_lead") == before, "what has not changed is not sent again"
    assert told(site) == []


@pytest.mark.parametrize("fault", ["reset_before@2", "timeout_after@2"])
def test_a_lead_without_its_custom_values_is_brought_up_to_date_before_it_settles(tmp_path: Path, fault: str) -> None:
    with opened(tmp_path) as site:
        site.door.ask("faults", spec=fault)
        life = started(site)
        site.round(life)
        assert [lead["first_name"] for lead in ours(site)] == ["Ann"]
        assert [row[2] for row in site.open_intents()] == ["sending"]
        site.settle(started(site))
        assert mails(site) == {"1": "ann@example.com"}
        assert len(ours(site)) == 1


def test_a_program_killed_between_the_two_requests_leaves_nothing_half_done(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.settings(leads={"fields": FIELDS})
        site.db.close()  # one program at a time uses a store on SQLite
        site.door.ask("faults", hold_after_writes=1)
        environ = os.environ | {"SYNCD_CONFIG": str(tmp_path / "syncd.yaml")}
        with subprocess.Popen([COMMAND, "run", "--once"], env=environ, stderr=subprocess.DEVNULL) as process:
            assert site.door.ask("wait", writes=1)["reached"]
            process.kill()
        site.door.ask("faults", hold_after_writes=0)
        site.door.ask("release")
        assert mails(site) == {}
        site.db = Database(site.store_url)
        site.expire_leases()
        site.settle(started(site))
        assert mails(site) == {"1": "ann@example.com"}
        assert len(ours(site)) == 1


def test_on_a_server_that_raises_all_ends_well_and_its_mistake_is_met_once(tmp_path: Path) -> None:
    with opened(tmp_path, raise_on_sql_errors=1) as site:
        site.crm.enter("2", name="O'Brien", email="o'brien@example.com", phone="727 555 0002")
        for number in range(3, 8):
            site.crm.enter(str(number), name="Bob", email=f"{number}@example.com", phone=f"727 555 000{number}")
        site.settle(started(site))
        assert mails(site) == {
            "1": "ann@example.com", "2": "o'brien@example.com", **{str(n): f"{n}@example.com" for n in range(3, 8)},
        }  # fmt: skip
        assert len(site.door.leads()) == 8  # and the one that was there before


def test_what_the_dialer_keeps_otherwise_is_told_once_and_by_name(site: sites.Site) -> None:
    site.crm.enter("2", name="Zoë 😀", email="a.rather.long.address@example.com", phone="727 555 0002")
    site.crm.enter("3", name="Otto", email="otto@example.com", phone="727 555 0003")
    life = started(site)
    with structlog.testing.capture_logs() as logs:
        site.settle(life)
    lines = {line["subject"]: line.get("altered") for line in logs if line["event"] == "intent"}
    assert lines == {"1": None, "2": "crm_mail,first_name", "3": "crm_mail"}
    assert sorted(told(site)) == ["crm_mail", "crm_mail, first_name"]
    assert "Zo" not in str(logs)

    with structlog.testing.capture_logs() as logs:
        site.crm.change("2", email="another.long.address@example.com")
        site.settle(life)
        site.crm.change("2", phone="727 555 0004")
        site.settle(life)
    assert [line.get("altered") for line in logs if line["event"] == "intent"] == [None, None]
    assert len(told(site)) == 2

    site.crm.change("2", name="Zoe", email="z@example.com")
    site.settle(life)
    site.crm.change("2", name="Zoe 😀")
    site.settle(life)
    assert told(site)[2:] == ["first_name"], "it had been the same in between"


def test_what_is_kept_otherwise_is_told_of_a_lead_that_was_found_again(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.crm.enter("2", name="Zoë 😀", phone="727 555 0002")
        site.crm.change("1", deleted=True)
        site.door.ask("faults", spec="reset_after@1")
        life = started(site)
        with structlog.testing.capture_logs() as logs:
            site.settle(life)
        found = [line for line in logs if line["event"] == "intent" and line["result"] == "found"]
        assert [line.get("altered") for line in found] == ["first_name"]
        assert told(site) == ["first_name"]
