"""What agents promise becomes a task in HubSpot or Salesforce, by the mapping that the connector suggests, and follows
the callback to its end; writes that are cut off after they were applied change nothing of that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.config import load
from syncd.simulators.vicidial import rows
from syncd_hubspot import HubspotConnector
from syncd_salesforce import SalesforceConnector
from tests.end_to_end import crm, dialer
from tests.end_to_end import site as sites
from tests.end_to_end.crm_hubspot import HubspotCrm
from tests.end_to_end.crm_salesforce import SalesforceCrm

ANN, BOB = crm.OWNERS
NIGHT, DUE = "2030-12-05 22:00:00", datetime(2030, 12, 6, 3, tzinfo=UTC)  # the dialer's time, and when it is
LATER, MOVED = "2031-06-02 10:30:00", datetime(2031, 6, 2, 15, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of CRM. `options`: of tasks; `open`: a task that is to be done; `keeps_owner`: each task has one."""

    make: Callable[[], HubspotCrm | SalesforceCrm]
    connector: type[HubspotConnector | SalesforceConnector]
    options: Mapping[str, Any]
    open: str
    done: str
    cancelled: str
    keeps_owner: bool = False


_ZONE = {"time_zone": dialer.TIME_ZONE}
_SALESFORCE = ("Not Started: Call back", "Completed: Called back", "Completed: Callback cancelled", True)
KINDS = {
    "hubspot": Kind(
        HubspotCrm,
        HubspotConnector,
        {"tasks": {}},
        "NOT_STARTED: Call back",
        "COMPLETED: Called back",
        "COMPLETED: Callback cancelled",
    ),
    "salesforce": Kind(
        SalesforceCrm, SalesforceConnector, {**_ZONE, "tasks": {"key_field": "Syncd_Call__c"}}, *_SALESFORCE
    ),
    "salesforce without a key field": Kind(
        partial(SalesforceCrm, with_key_field=False), SalesforceConnector, _ZONE, *_SALESFORCE
    ),
}


@dataclass(frozen=True, slots=True)
class Customer:
    """A CRM and a dialer; Ann, the first of two people, has a lead."""

    kind: Kind
    far: HubspotCrm | SalesforceCrm
    site: sites.Site
    life: sites.Life

    @property
    def lead_id(self) -> int:
        return int(self.site.door.lead_of(self.site.key_of("Ann"))["lead_id"])

    @property
    def row(self) -> rows.Callback:
        """Ann's newest callback."""
        return self.site.simulator.world.callbacks[self.lead_id][-1]

    def called(self, **more: Any) -> None:
        """An agent has called Ann."""
        self.site.door.ask("call", lead_id=self.lead_id, user="1001", **more)

    def promises(self, at: str, comments: str) -> None:
        """The call ended with a callback."""
        self.called(status="CBHOLD", callback={"datetime": at, "user": "1001", "comments": comments})

    def tasks(self, faults: str = "") -> list[crm.Row]:
        """The tasks once all is done, though the CRM's writes fail at first."""
        fired = self.far.asked().fired
        self.far.break_(faults)
        if faults:
            self.site.round(self.life)
            assert self.far.asked().fired > fired
            self.far.break_("")
        self.site.settle(self.life)
        found = self.far.tasks()
        for task in found:
            if (day := task.pop("day", None)) is not None:
                assert day == ("2030-12-05" if task["due_at"] == DUE else "2031-06-02")
        return found

    def task(self, due_at: datetime, owner: str, note: str, told: str) -> crm.Row:
        return {"person": ["Ann"], "due_at": due_at, "owner": owner, "note": note, "told": told}


@pytest.fixture(params=KINDS)
def customer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Customer]:
    kind = KINDS[request.param]
    far = kind.make()
    with sites.opened(tmp_path, f"sqlite:///{tmp_path / 'syncd.db'}", crm=far) as site:
        for number, person in enumerate(("Ann", "Ben")):
            far.enter(person, name=person, mobile=f"727555100{number}")
        path = tmp_path / "syncd.yaml"
        path.write_text(json.dumps(_configuration(site, kind)), encoding="utf-8")
        path.chmod(0o600)
        life = site.start(load.load(path))
        site.settle(life)
        yield Customer(kind, far, site, life)


def _configuration(site: sites.Site, kind: Kind) -> dict[str, Any]:
    written = sites.configuration(
        store=site.store_url,
        setup=site.crm.setup(),
        crm=kind.options,
        dialer_options={"url": site.simulator.url},
        leads={},
    )
    acme = written["clients"][sites.CLIENT]
    acme["agents"] = {"1001": ANN, "1002": BOB}
    suggested = yaml.safe_load(kind.connector.EXAMPLE.pipelines["callbacks"])
    callbacks = {"start": "all", "every": "1m", **suggested}
    acme["pipelines"] = {"leads": acme["pipelines"]["leads"], "callbacks": callbacks}
    return written


def test_a_promise_is_one_task_at_its_owner_and_time_to_its_end_though_writes_are_cut_off(customer: Customer) -> None:
    kind, task, cut = customer.kind, customer.task, "reset_after"
    customer.promises(NIGHT, "after lunch")
    assert customer.tasks(cut) == [task(DUE, ANN, "after lunch", kind.open)]
    row = customer.row
    row.callback_time, row.user, row.comments = LATER, "1002", ""  # an administrator's doing
    assert customer.tasks(cut) == [task(MOVED, BOB, "", kind.open)]
    row.recipient = "ANYONE"
    owner = BOB if kind.keeps_owner else ""
    assert customer.tasks() == [task(MOVED, owner, "", kind.open)]
    customer.site.simulator.world.clock.offset_seconds += 120
    customer.promises(NIGHT, "again")
    ended = task(MOVED, owner, "", kind.done)
    assert customer.tasks(cut) == [ended, task(DUE, ANN, "again", kind.open)]
    customer.site.simulator.world.archive_callbacks(customer.lead_id)
    assert customer.tasks(cut) == [ended, task(DUE, ANN, "again", kind.cancelled)]
    assert customer.site.told(("leads", "callbacks")) == {"leads": ({}, {}), "callbacks": ({}, {})}


def test_a_callback_that_is_gone_altogether_closes_its_task_and_takes_nothing_from_it(customer: Customer) -> None:
    customer.promises(NIGHT, "after lunch")
    customer.tasks()
    customer.site.simulator.world.callbacks.clear()
    assert customer.tasks() == [customer.task(DUE, ANN, "after lunch", customer.kind.cancelled)]
