"""Backfills: everything that was asked for is read once and planned by all rules, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from alembic import command

from syncd.core import model
from syncd.engine import backfill, backfill_reading, parts, run
from syncd.sdk.testing import faulty, memory
from syncd.store import backfill as stored
from syncd.store import inspection, streams, tables, upgrade
from syncd.store.database import Database
from tests.engine import site as sites

CRM = model.Side("crm", "leads")


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.upgrade()
    made.pipelines = (replace(made.pipelines[0], start="now"),)
    with structlog.testing.capture_logs():
        yield made
    made.close()


def people(site: sites.Site, first: int, last: int, *, apart: float = 0.0) -> None:
    for number in range(first, last + 1):
        site.person(str(number), first_name="Ann", phone=f"727 555 {number:04}")
        site.advance(apart)


def store(
    site: sites.Site, since: datetime | None = memory.START, until: datetime | None = None, **more: object
) -> int:
    wanted = stored.Wanted(sites.CLIENT, "leads", str(CRM), since, until or site.now())
    return stored.create(site.db, replace(wanted, **more), by="ann@host", now=site.now())  # type: ignore[arg-type]  # fields of Wanted


def live(site: sites.Site) -> None:
    engine, client = site.start()
    assert run.run_all(engine, [client])[0].result == "ok"


def finish(site: sites.Site, number: int, *, between: bool = False) -> stored.Backfill:
    """Run slices until the backfill ends, with live runs between them if asked for."""
    engine, client = site.start()
    slices = backfill.Slices(engine)
    row = stored.one(site.db, number)
    for _ in range(200):
        row = stored.one(site.db, number)
        if not row.is_open:
            return row
        slices.run(client, CRM, number)
        if between:
            run.run_all(engine, [client])
    raise AssertionError(f"it does not end: {row}")


def dialled(site: sites.Site) -> list[str]:
    """The CRM records that have a dialable lead, one entry for each lead."""
    return sorted(
        lead.fields["vendor_lead_code"] or ""
        for lead in site.dialer.table("leads").values()
        if not lead.fields.get("removed")
    )


def numbers(first: int, last: int) -> list[str]:
    return sorted(str(number) for number in range(first, last + 1))


@pytest.mark.parametrize("between", [False, True])
def test_what_live_work_left_out_by_its_start_is_dialled_once(
    site: sites.Site, monkeypatch: pytest.MonkeyPatch, between: bool
) -> None:
    monkeypatch.setattr(backfill, "SLICE", 4)
    people(site, 1, 6)  # one timestamp, longer than a slice
    people(site, 7, 12, apart=1)
    site.advance(10)
    live(site)
    assert dialled(site) == []
    row = finish(site, store(site), between=between)
    assert (row.state, row.counts["read"], row.counts["create"]) == ("done", 12, 12)
    assert dialled(site) == numbers(1, 12)
    again = finish(site, store(site), between=between)
    assert (again.counts["read"], again.counts["none"]) == (12, 12)
    assert dialled(site) == numbers(1, 12)


def test_both_ends_are_included_and_nothing_beside_them(site: sites.Site) -> None:
    people(site, 1, 5, apart=10)
    row = finish(site, store(site, memory.START + timedelta(seconds=10), memory.START + timedelta(seconds=30)))
    assert row.counts["read"] == 3
    assert dialled(site) == ["2", "3", "4"]


def test_it_dials_nobody_whom_live_work_would_not_dial(site: sites.Site) -> None:
    people(site, 1, 2)
    site.person("3", first_name="Out", phone="727 555 0003", do_not_call="true")
    site.person("4", first_name="No phone")
    site.person("5", first_name="Shares", phone="727 555 0001")
    site.crm.put("leads", "6", True, phone="727 555 0006")
    first = finish(site, store(site))
    assert dialled(site) == ["1", "2"]
    assert {name: number for name, number in first.counts.items() if "." in name} == {
        "hold.shared_phone": 1,
        "skip.deleted": 1,
        "skip.no_phone": 1,
        "skip.opt_out": 1,
    }
    lead = site.leads_of("2")[0]
    site.advance(10)
    site.person("2", do_not_call="true")
    live(site)
    site.advance(10)
    site.person("2", do_not_call=None)
    finish(site, store(site))
    assert dialled(site) == ["1"], "only redial brings back a lead that was taken out"
    assert site.dialer.table("leads")[lead.id].fields["removed"] == "opt_out"


def test_an_opt_out_between_two_slices_is_not_undone(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 2)
    people(site, 1, 6)
    live(site)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    slices.run(client, CRM, number)
    site.advance(5)
    site.person("3", do_not_call="true")  # it stands in the page of which two records have been planned
    live(site)
    while stored.one(site.db, number).is_open:
        slices.run(client, CRM, number)
    assert dialled(site) == ["1", "2", "4", "5", "6"]


def test_a_record_that_shows_late_at_the_position_is_read(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 3)
    people(site, 1, 6)
    number = store(site)
    engine, client = site.start()
    backfill.Slices(engine).run(client, CRM, number)
    people(site, 0, 0)  # committed now, of the same time, before all in the order of reading
    finish(site, number)
    assert dialled(site) == numbers(0, 6)


def test_what_was_read_long_ago_is_not_planned(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 2)
    monkeypatch.setattr(backfill_reading, "KEPT_SECONDS", 0.0)
    people(site, 1, 6)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    slices.run(client, CRM, number)
    site.advance(5)
    site.person("3", do_not_call="true")  # no live run tells of it
    while stored.one(site.db, number).is_open:
        slices.run(client, CRM, number)
    assert dialled(site) == ["1", "2", "4", "5", "6"]


def test_named_records_are_read_by_id_and_unknown_ones_are_told_by_line(site: sites.Site) -> None:
    people(site, 1, 5, apart=10)
    undated = site.crm.table("leads")["5"]
    site.crm.table("leads")["5"] = replace(undated, modified=None)
    row = finish(site, store(site, ids={"2": 1, "nobody": 2, "5": 3, "no one": 7}, since=None))
    assert (row.state, row.counts["read"], row.unknown, row.asked) == ("done", 2, (2, 7), 0)
    assert dialled(site) == ["2", "5"]
    narrowed = finish(site, store(site, memory.START + timedelta(seconds=20), ids={"1": 1, "3": 2}))
    assert (narrowed.counts["read"], narrowed.counts["outside"]) == (1, 1)


def test_what_live_work_has_staged_is_not_pushed_back(site: sites.Site) -> None:
    people(site, 1, 1)
    site.pipelines = (replace(site.pipelines[0], start="all", shadow=True),)
    live(site)
    people(site, 2, 2)
    finish(site, store(site))
    with site.db.read() as connection:
        lanes = connection.execute(sa.select(tables.intent.c.subject, tables.intent.c.lane)).all()
    assert dict(map(tuple, lanes)) == {"1": model.Lane.CREATE, "2": model.Lane.BACKFILL}


def test_a_paused_or_cancelled_one_stops_at_the_next_commit(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 3)
    people(site, 1, 9, apart=1)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    slices.run(client, CRM, number)
    stored.change(site.db, number, "paused", now=site.now())
    slices.run(client, CRM, number)
    assert dialled(site) == ["1", "2", "3"]
    assert stored.due(site.db, site.now()) == {}
    assert stored.change(site.db, number, "waiting", now=site.now()) == "paused"
    slices.run(client, CRM, number)
    stored.change(site.db, number, "cancelled", now=site.now())
    assert stored.change(site.db, number, "waiting", now=site.now()) == "cancelled"
    assert finish(site, number).state == "cancelled"
    assert dialled(site) == numbers(1, 6)


def test_a_paused_pipeline_reads_nothing_and_a_lease_is_waited_for(site: sites.Site) -> None:
    people(site, 1, 3)
    number = store(site)
    engine, client = site.start()
    streams.pause(site.db, sites.CLIENT, ["leads"], by="operator", why="wait")
    assert backfill.Slices(engine).run(client, CRM, number).result == "paused"
    assert stored.due(site.db, site.now()) == {}
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    other = run.Engine(site.db, clock=site.now)
    other.owner = "another"
    seen: list[str] = []

    def meanwhile(label: str, moment: str) -> None:
        if (label, moment) == ("stage", "after") and not seen:
            seen.append(backfill.Slices(other).run(client, CRM, number).result)

    site.on_commit = meanwhile
    assert backfill.Slices(engine).run(client, CRM, number).result == "ok"
    assert seen == ["busy"]
    assert dialled(site) == numbers(1, 3)


def test_a_guard_counts_all_slices_together(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 2)
    site.pipelines = (
        replace(site.pipelines[0], guard=model.GuardLimits(max_updates=4, max_updates_share=0.1, max_removes=None)),
    )
    people(site, 1, 9, apart=1)
    finish(site, store(site))
    for one in list(site.crm.table("leads").values()):  # changed, but with their old time: live work does not see it
        site.crm.table("leads")[one.id] = replace(one, fields={**one.fields, "first_name": "Bob"})
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    results = [slices.run(client, CRM, number).result for _ in range(3)]
    assert results == ["ok", "ok", "paused"]
    assert streams.pipeline_states(site.db, sites.CLIENT)["leads"].paused == "guard"
    streams.resume(site.db, sites.CLIENT, ["leads"], now=site.now())
    assert finish(site, number).state == "done"
    assert {lead.fields["first_name"] for lead in site.dialer.table("leads").values()} == {"Bob"}


def test_people_who_opted_out_without_a_lead_are_no_mass_removal(site: sites.Site) -> None:
    guard = model.GuardLimits(max_removes=2, max_removes_share=0.1)
    site.pipelines = (replace(site.pipelines[0], guard=guard, keeps_out=True),)
    for number in range(6):
        site.person(str(number), first_name="Out", phone=f"727 555 {number:04}", do_not_call="true")
    engine, client = site.start()
    wanted = stored.Wanted(sites.CLIENT, "leads", str(CRM), memory.START, site.now())
    found = backfill.preview(engine, client, wanted)
    assert (found.verdicts["remove"], found.guard) == (6, "")
    row = finish(site, store(site))
    assert (row.state, row.counts["remove"]) == ("done", 6)
    assert not any(state.paused for state in streams.pipeline_states(site.db, sites.CLIENT).values())


def test_a_source_clock_that_is_set_back_neither_repeats_nor_loses(site: sites.Site) -> None:
    people(site, 1, 9, apart=60)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    backfill_slice, backfill.SLICE = backfill.SLICE, 4
    try:
        slices.run(client, CRM, number)
        site.crm.now -= timedelta(minutes=30)
        while stored.one(site.db, number).is_open:
            slices.run(client, CRM, number)
    finally:
        backfill.SLICE = backfill_slice
    assert stored.one(site.db, number).counts["read"] == 9
    assert dialled(site) == numbers(1, 9)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_every_commit_loses_and_doubles_nobody(
    site: sites.Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(backfill, "SLICE", 4)
    commits, at = 0, -1

    def on_commit(label: str, when: str) -> None:
        nonlocal commits
        commits += when == "before"
        if when == moment and commits == at:
            raise faulty.Crash

    site.on_commit = on_commit
    step = 1 if site.db.sqlite else 4
    wanted = 1
    while True:
        site.forget()
        people(site, 1, 6)
        people(site, 7, 9, apart=1)
        number = store(site)
        commits, crashed, at = 0, False, wanted
        try:
            finish(site, number)
        except faulty.Crash:
            crashed = True
        at = -1
        site.expire_leases()
        site.advance(70)
        row = finish(site, number)
        site.advance(70)
        live(site)
        assert (row.counts["read"], row.counts["create"]) == (9, 9), f"{moment} commit {wanted}"
        assert dialled(site) == numbers(1, 9), f"{moment} commit {wanted}"
        if not crashed:
            break
        wanted += step
    assert wanted > 10


def test_two_at_once_take_turns(site: sites.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "SLICE", 3)
    people(site, 1, 9, apart=1)
    both = [store(site), store(site)]
    engine, client = site.start()
    slices = backfill.Slices(engine)
    order = []
    while waiting := stored.due(site.db, site.now()).get((sites.CLIENT, str(CRM))):
        site.advance(1)
        order.append(waiting[0])
        slices.run(client, CRM, waiting[0])
    assert order[:4] == [*both, *both]
    assert [stored.one(site.db, number).counts["read"] for number in both] == [9, 9]
    assert dialled(site) == numbers(1, 9)


def test_a_store_with_data_of_the_revision_before_is_upgraded(store_url: str) -> None:
    db = Database(store_url)
    with db.write("old") as connection:
        command.upgrade(upgrade._config(connection), "0001")
        connection.execute(sa.insert(tables.meta).values(name="secret", value="00" * 32))
        connection.execute(sa.insert(tables.client).values(client="acme", identity="x"))
    assert upgrade.current(db) == "0001"
    old, new, saved = upgrade.upgrade(db, now=memory.START)
    assert (old, new, saved is not None) == ("0001", upgrade.HEAD, db.sqlite)
    assert inspection.inspect(db) == []
    with db.read() as connection:
        assert connection.execute(sa.select(tables.client.c.identity)).scalar_one() == "x"
    db.close()


def test_live_work_goes_between_slices_that_have_no_time_left(
    site: sites.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "SHARE", 0.0)
    monkeypatch.setattr(backfill, "FIRST_BATCH", 4)
    people(site, 1, 9)
    site.advance(10)
    live(site)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    slices.run(client, CRM, number)
    row = stored.one(site.db, number)
    assert (row.state, row.counts["read"], dialled(site)) == ("running", 3, [])
    site.advance(10)
    people(site, 10, 10)
    site.advance(10)
    live(site)
    assert dialled(site) == ["10"], "what the backfill has staged is not live work's"
    slices.run(client, CRM, number)
    assert dialled(site) == ["1", "10", "2", "3"]
    slices.run(client, CRM, number)
    stored.change(site.db, number, "cancelled", now=site.now())
    live(site)
    assert dialled(site) == ["1", "10", *numbers(2, 6)], "of a cancelled one, what was staged goes out"
    assert finish(site, store(site), between=True).state == "done"
    assert dialled(site) == numbers(1, 10)


def test_a_client_that_was_opened_anew_does_not_go_on_with_the_old_ones_pull(
    site: sites.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    begin = backfill_reading.begin

    def counted(ctx: parts.Context, *given: Any, **more: Any) -> backfill_reading.Reading:
        begun.append(ctx.client)
        return begin(ctx, *given, **more)

    monkeypatch.setattr(backfill, "SLICE", 2)
    monkeypatch.setattr(backfill_reading, "begin", counted)
    people(site, 1, 9, apart=1)
    site.advance(10)
    live(site)
    number = store(site)
    engine, client = site.start()
    slices = backfill.Slices(engine)
    for _ in range(2):
        slices.run(client, CRM, number)
    assert begun == [client], "one pull serves several slices"
    anew = replace(client)
    slices.run(anew, CRM, number)
    assert begun == [client, anew]
    assert begun[1] is anew
    while stored.one(site.db, number).is_open:
        slices.run(anew, CRM, number)
    assert dialled(site) == numbers(1, 9)


def test_a_paused_backfill_survives_an_upgrade_of_the_store(store_url: str) -> None:
    made = sites.Site(store_url)
    with made.db.write("old") as connection:
        command.upgrade(upgrade._config(connection), "0006")
        connection.execute(sa.insert(tables.meta).values(name="secret", value="00" * 32))
        values = "1, 'acme', 'leads', 'crm.leads', :since, :until, 'paused', '{\"read\": 2}', 'ann@host', :since"
        columns = "id, client, pipeline, stream, since_at, until_at, state, counts, created_by, created_at"
        connection.execute(
            sa.text(f"INSERT INTO backfill ({columns}) VALUES ({values})"),  # noqa: S608  # our own words
            {
                "since": int(memory.START.timestamp() * 1e6),
                "until": int((memory.START + timedelta(hours=1)).timestamp() * 1e6),
            },
        )
    upgrade.upgrade(made.db, now=memory.START)
    assert inspection.inspect(made.db) == []
    made.pipelines = (replace(made.pipelines[0], start="now"),)
    people(made, 1, 3)
    made.advance(10)
    live(made)
    row = stored.one(made.db, 1)
    assert (row.state, row.reread, row.counts) == ("paused", "", {"read": 2})
    stored.change(made.db, 1, "waiting", now=made.now())
    assert finish(made, 1).state == "done"
    assert dialled(made) == numbers(1, 3)
    made.close()
