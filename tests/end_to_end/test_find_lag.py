"""A request may still be applied for as long as the find lag after we gave up on it, whenever its batch began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.sdk.testing import faulty
from syncd.store.database import Moment
from tests.end_to_end import site as sites

LONGER = timedelta(seconds=2 * sites.FIND_LAG_SECONDS)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[sites.Site]:
    with sites.opened(tmp_path, f"sqlite:///{tmp_path / 'syncd.db'}") as made:
        made.crm.enter("1", name="Ann", phone="727 555 0001")
        made.door.ask("faults", spec="late@1:1")
        yield made


def leads(site: sites.Site) -> int:
    return sum(lead["vendor_lead_code"] == "1" for lead in site.door.leads())


def test_a_slow_batch_does_not_use_up_the_find_lag_of_its_last_request(site: sites.Site) -> None:
    def slow_batch(label: str, moment: Moment) -> None:
        if (label, moment) == ("claim", "after"):
            site.ahead += LONGER
            site.on_commit = lambda label, moment: None

    site.on_commit = slow_batch
    life = site.start()
    site.round(life)
    site.round(life)  # the request is still on its way
    site.settle(life)
    assert leads(site) == 1


def test_after_a_crash_in_a_slow_batch_its_last_request_counts_as_sent_just_now(site: sites.Site) -> None:
    def slow_batch(label: str, moment: Moment) -> None:
        if (label, moment) == ("claim", "after"):
            site.ahead += LONGER
        if label == "settle":
            raise faulty.Crash

    site.on_commit = slow_batch
    with pytest.raises(faulty.Crash):
        site.round(site.start())
    site.on_commit = lambda label, moment: None
    site.expire_leases()
    life = site.start()
    site.round(life)  # the request is still on its way
    site.settle(life)
    assert leads(site) == 1
