"""What the state machine has found, each as short as it gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from syncd.engine import operate
from syncd.store import held
from tests.engine import flaky


@pytest.fixture
def site(tmp_path: Path) -> Iterator[flaky.FlakySite]:
    made = flaky.FlakySite(f"sqlite:///{tmp_path / 'syncd.db'}")
    made.upgrade()
    made.forget()
    with structlog.testing.capture_logs():
        yield made
    made.close()


def settle(site: flaky.FlakySite) -> None:
    """Let recovery run."""
    site.expire_leases()
    for _ in range(3):
        site.advance(130)
        for report in site.sync():
            assert report.result == "ok"
            assert report.next_due_at
            assert report.next_due_at > site.now(), "the stream is due again at once, and for ever"


def test_a_freeze_while_an_activity_is_written_does_not_make_its_stream_due_for_ever(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    site.call("1", "NI")
    site.sync({1: "freeze_after"}, frozen=lambda: site.take_over(2, 70))
    settle(site)
    assert len(site.crm.table("calls")) == 1


def test_who_opts_out_while_their_create_is_frozen_is_not_dialled_after_it(site: flaky.FlakySite) -> None:
    def meanwhile() -> None:
        site.person("1", do_not_call="true")
        site.take_over(2, 70)

    site.person("1", phone="727 555 0001")
    site.sync({1: "freeze_before"}, frozen=meanwhile)
    settle(site)
    assert site.leads_of("1") == []


def test_a_lead_that_another_program_finds_after_a_freeze_stays(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync({1: "freeze_before"}, frozen=lambda: site.take_over(1, 10))
    settle(site)
    assert len(site.leads_of("1")) == 1


def test_a_frozen_update_does_not_undo_a_newer_one(site: flaky.FlakySite) -> None:
    def meanwhile() -> None:
        site.take_over(1, 70)
        site.person("1", first_name="Anna")
        site.take_over(1, 70)

    site.person("1", phone="727 555 0001", first_name="Ann")
    site.sync()
    site.advance(700)
    site.person("1", first_name="Anne")
    site.sync({1: "freeze_before"}, frozen=meanwhile)
    settle(site)
    assert site.leads_of("1")[0].fields["first_name"] == "Anna"


def test_a_frozen_disposition_does_not_undo_a_newer_one(site: flaky.FlakySite) -> None:
    def meanwhile() -> None:
        site.take_over(1, 70)
        site.call("1", "CALLBK", flags="callback")
        site.take_over(1, 70)

    site.person("1", phone="727 555 0001")
    site.sync()
    site.call("1", "NI")
    site.sync({2: "freeze_before"}, frozen=meanwhile)
    settle(site)
    assert site.crm.table("leads")["1"].fields["lead_status"] == "CALLBK"


def test_a_call_of_somebody_who_opted_out_and_is_deleted_waits_for_nobody(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    call = site.call("1", "NI")
    site.sync()
    site.person("1", do_not_call="true")
    site.sync()
    site.crm.put("leads", "1", True)
    site.sync()
    site.dialer.put("calls", call, status="CALLBK", flags="callback")
    site.sync()
    waiting = held.listed(site.db)
    assert site.life is not None
    operate.retry(*site.life, waiting)
    assert [one.reason for one in waiting] == []


@pytest.mark.parametrize("together", [True, False], ids=["read-together", "read-one-by-one"])
def test_a_correction_of_a_later_call_does_not_undo_the_sale_of_an_earlier_one(
    site: flaky.FlakySite, together: bool
) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    site.call("1", "SALE", flags="sale")
    if not together:
        site.sync()
    later = site.call("1", "NA")
    site.sync()
    site.dialer.put("calls", later, status="NI")
    site.sync()
    assert site.crm.table("leads")["1"].fields["lead_status"] == "SALE"


def test_a_second_sale_that_is_taken_back_leaves_the_first(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    site.call("1", "SALE", flags="sale")
    site.sync()
    second = site.call("1", "SALE", flags="sale")
    site.sync()
    site.dialer.put("calls", second, status="NI", flags="")
    site.sync()
    assert site.crm.table("leads")["1"].fields["lead_status"] == "SALE"


def test_a_do_not_call_request_stands_even_if_its_call_is_corrected_twice(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    call = site.call("1", "DNC", flags="dnc")
    site.sync()
    for status in ("NI", "NA"):
        site.dialer.put("calls", call, status=status, flags="")
        site.sync()
    assert site.crm.table("leads")["1"].fields["lead_status"] == "DNC"


@pytest.mark.parametrize("out_first", [True, False], ids=["opted-out-before-the-look", "after-it"])
def test_a_second_lead_that_was_called_leaves_dialling_once_its_person_is_out(
    site: flaky.FlakySite, out_first: bool
) -> None:
    site.person("1", phone="727 555 0001")
    site.sync({1: "freeze_before"}, frozen=lambda: site.take_over(2, 70))
    _, second = site.leads_of("1")
    site.call("1", "NI", lead=second)
    if not out_first:
        settle(site)
        assert len(held.listed(site.db)) == 1, "as long as both might be dialled, a person must choose"
    site.person("1", do_not_call="true")
    settle(site)
    assert site.leads_of("1") == []
    assert held.listed(site.db) == []


def test_a_second_lead_is_found_even_if_the_phone_has_changed_since(site: flaky.FlakySite) -> None:
    def meanwhile() -> None:
        site.take_over(2, 70)
        site.person("1", phone="727 555 0002")
        site.take_over(1, 70)

    site.person("1", phone="727 555 0001")
    site.sync({1: "freeze_before"}, frozen=meanwhile)
    settle(site)
    (lead,) = site.leads_of("1")
    assert lead.fields["phone_number"] == "7275550002"


def test_a_disposition_that_waits_ends_once_its_record_is_deleted(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    call = site.call("1", "NI")
    site.sync({2: "refused"})
    site.crm.put("leads", "1", True)
    site.dialer.put("calls", call, status="CALLBK", flags="callback")
    site.sync()
    settle(site)
    assert held.listed(site.db) == []


@pytest.mark.parametrize("wrong", ["12", "727 555 0002"], ids=["a-wrong-one", "somebody-elses"])
def test_who_never_got_a_lead_and_has_another_phone_now_keeps_nobody_from_the_old_one(
    site: flaky.FlakySite, wrong: str
) -> None:
    site.person("2", phone="727 555 0002")
    site.sync()
    site.person("1", phone="727 555 0001")
    site.sync({1: "refused"})
    site.person("1", phone=wrong)
    site.sync()
    site.person("3", phone="727 555 0001")
    settle(site)
    assert len(site.leads_of("3")) == 1


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not-applied"])
def test_a_phone_that_goes_while_the_create_is_unclear_neither_loses_the_change_nor_is_dialled_later(
    site: flaky.FlakySite, applied: bool
) -> None:
    site.person("1", phone="727 555 0001", first_name="Ann")
    site.sync({1: "lost_after" if applied else "lost_before"})
    site.person("1", phone=None, first_name="Anna")
    site.sync()
    settle(site)
    assert [lead.fields["first_name"] for lead in site.leads_of("1")] == (["Anna"] if applied else [])
    site.person("2", phone="727 555 0001")
    settle(site)
    assert len(site.leads_of("2")) == (0 if applied else 1), "the number is free again if nobody has it"
    site.person("1", phone="727 555 0002")
    settle(site)
    assert [lead.fields["phone_number"] for lead in site.leads_of("1")] == ["7275550002"]


@pytest.mark.parametrize("sale_last", [True, False], ids=["the-first-becomes-a-sale", "the-first-is-a-sale"])
def test_calls_of_a_lead_whose_create_is_unclear_are_weighed_like_any_others(
    site: flaky.FlakySite, sale_last: bool
) -> None:
    site.person("1", phone="727 555 0001")
    site.sync({1: "crash_after"})
    site.expire_leases()
    first = site.call("1", "NI" if sale_last else "SALE", flags="" if sale_last else "sale")
    only_calls(site)
    second = site.call("1", "NA")
    only_calls(site)
    if sale_last:
        site.dialer.put("calls", first, status="SALE", flags="sale")
    settle(site)
    person = site.crm.table("leads")["1"]
    assert person.fields["lead_status"] == "SALE"
    assert person.fields["last_call"] == site.dialer.table("calls")[second].fields["call_date"]


def only_calls(site: flaky.FlakySite) -> None:
    """Run the dialer's calls while the people's stream, which would look the create up, does not get to run."""
    engine, client = site.begin(site.faults)
    report = engine.run_stream(client, client.sources()[-1])
    assert report.result == "ok"


def test_what_happens_after_an_empty_first_read_is_read_however_late(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    site.call("1", "NI")
    site.advance(7200)
    site.sync()
    site.advance(10)
    site.sync()
    assert len(site.crm.table("calls")) == 1


def test_a_correction_that_is_taken_back_while_it_is_unclear_does_not_stay(site: flaky.FlakySite) -> None:
    site.person("1", phone="727 555 0001")
    site.sync()
    call_id = site.call("1", "NI")
    site.sync()
    site.dialer.put("calls", call_id, status="NA")
    site.sync({1: "crash_after"})
    site.dialer.put("calls", call_id, status="NI")
    settle(site)
    assert [one.fields["status"] for one in site.crm.table("calls").values()] == ["NI"]
