"""How soon a stream is due again: as soon as there is something to do for it, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import site as sites


@pytest.fixture
def site(tmp_path: Path) -> Iterator[sites.Site]:
    with sites.opened(tmp_path, f"sqlite:///{tmp_path / 'syncd.db'}") as made:
        yield made


def test_a_change_that_waits_for_an_unclear_create_does_not_keep_the_stream_spinning(site: sites.Site) -> None:
    site.crm.enter("1", name="Ann", phone="727 555 0001")
    site.door.ask("faults", spec="reset_before@1")
    life = site.start()
    site.round(life)
    site.crm.change("1", name="Anna")
    sent = site.now()
    leads, _ = site.round(life)
    assert leads.result == "ok"
    assert leads.next_due_at is not None
    assert (leads.next_due_at - sent).total_seconds() > sites.FIND_LAG_SECONDS / 2
    site.settle(life)
    (lead,) = (lead for lead in site.door.leads() if lead["vendor_lead_code"] == "1")
    assert lead["first_name"] == "Anna"
