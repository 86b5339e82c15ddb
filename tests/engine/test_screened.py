"""What the far side's policy refuses counts as skipped, by its reason, until the record changes."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.engine import run
from syncd.sdk import errors, records
from syncd.sdk.testing import memory
from syncd.store import status
from tests.engine import site as sites


@dataclass
class Screening(memory.World):
    """A dialer with one number on its do-not-call list."""

    listed: str = "7275550001"

    def apply(self, stream: str, change: records.Change) -> records.Outcome:
        """Refuse what is listed."""
        if change.fields.get("phone_number") == self.listed:
            return records.Outcome(error=errors.Screened("dnc"))
        return super().apply(stream, change)


def skipped(site: sites.Site) -> dict[str, int]:
    """Sync, and count as `syncd status` does."""
    engine, client = site.start()
    run.run_all(engine, [client])
    told = status.client(engine.db, client.name, ["crm.leads"], ["leads"], site.now())
    return dict(told.pipelines[0].skipped)


def test_a_number_on_the_dialers_do_not_call_list_is_counted_as_skipped_until_it_changes(store_url: str) -> None:
    site = sites.Site(store_url, dialer=Screening(memory.DIALER))
    site.upgrade()
    site.person("1", first_name="Ann", phone="727 555 0001")
    site.advance(10)
    assert skipped(site) == {"dnc": 1}
    site.person("1", phone="727 555 0002")
    site.advance(10)
    assert skipped(site) == {}
    assert len(site.leads_of("1")) == 1
    site.close()


def test_a_lead_whose_person_gets_a_number_on_the_list_is_not_dialled_on_the_old_one(store_url: str) -> None:
    site = sites.Site(store_url, dialer=Screening(memory.DIALER))
    site.upgrade()
    site.person("1", first_name="Ann", phone="727 555 0002")
    site.advance(10)
    skipped(site)
    assert len(site.leads_of("1")) == 1
    site.person("1", phone="727 555 0001")
    site.advance(10)
    skipped(site)
    site.advance(10)
    skipped(site)
    assert site.leads_of("1") == [], "taken out of dialling"
    writes = site.dialer.writes
    site.advance(10)
    skipped(site)
    assert site.dialer.writes == writes
    site.close()
