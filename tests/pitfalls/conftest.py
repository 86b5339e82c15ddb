"""A customer, once with HubSpot and once with Salesforce."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import forks
from tests.crms import crms
from tests.crms import site as sites
from tests.end_to_end import dialer
from tests.pitfalls.customer import STRANGERS, Customer


@pytest.fixture(params=["hubspot", "salesforce"])
def customer(request: pytest.FixtureRequest, tmp_path: Path, forks_: forks.Forks) -> Iterator[Customer]:
    """With all three pipelines, and a store."""
    strangers = [{**dialer.STRANGER, "lead_id": number} for number in STRANGERS]
    with crms.opened(request.param) as crm, sites.opened(tmp_path, forks_, leads=strangers) as site:
        made = Customer(crm, site)
        made.configure()
        site.syncd("db", "upgrade")
        yield made
