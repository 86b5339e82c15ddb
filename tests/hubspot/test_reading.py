"""Reading people: by list, then by search in windows; each test is named after the pitfall that it guards against."""

from datetime import timedelta

import pytest

from syncd.sdk import errors, records
from tests.hubspot.portal import opened, seen


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_the_first_load_lists_everybody_and_the_next_reads_what_changed(version: str) -> None:
    with opened(api_version=version) as portal:
        ids = portal.add(*({"firstname": f"n{number}"} for number in range(250)))
        pages = portal.pull(None)
        assert list(seen(pages)) == ids
        assert "search" not in portal.requests()
        portal.ahead(10)
        assert not seen(portal.pull(pages[-1].cursor))
        portal.door.sim("edit", type="contacts", id=ids[7], fields={"firstname": "new"})
        after = seen(portal.pull(pages[-1].cursor))
        assert {one: record.fields["firstname"] for one, record in after.items()} == {ids[7]: "new"}


def test_pitfall_02_the_cursor_never_passes_the_run_s_start() -> None:
    with opened() as portal:
        portal.add({}, {})
        for since in (None, records.Cursor(portal.now().at - timedelta(hours=1))):
            portal.ahead(2)
            until = portal.connector.clock()
            cursors = [page.cursor.at for page in portal.connector.pull("leads", since, until, ("firstname",))]
            assert cursors == sorted(cursors)
            assert cursors[-1] == until


def test_pitfalls_03_and_04_rows_of_one_stamp_come_with_cursors_that_advance() -> None:
    with opened() as portal:
        ids = portal.add(*({} for _ in range(401)))
        since = portal.now()
        portal.door.sim("touch", type="contacts", fields={"city": "Tampa"})
        pages = portal.pull(since, "city")
        assert list(seen(pages)) == ids
        places = [(page.cursor.at, page.cursor.id) for page in pages]
        assert len(set(places)) == len(places)


def test_pitfall_05_split_at_10_000_and_go_on_where_one_stamp_has_more() -> None:
    with opened() as portal:
        ids = portal.add(*({} for _ in range(10_300)))
        portal.ahead(5)
        since = portal.now()
        portal.door.sim("touch", type="contacts", fields={"city": "Tampa"})
        before = portal.requests().get("search", 0)
        assert seen(portal.pull(since, "city")).keys() == set(ids)
        assert portal.requests()["search"] - before < 100


def test_pitfall_06_values_are_read_by_id_where_the_index_lags() -> None:
    with opened(sim={"index_lag": 60.0}) as portal:
        portal.door.sim("clock", freeze=True)
        (one,) = portal.add({"firstname": "old"})
        since = portal.now()
        portal.ahead(61)
        portal.door.sim("edit", type="contacts", id=one, fields={"firstname": "new"})
        assert seen(portal.pull(since))[one].fields["firstname"] == "new"
        portal.ahead(61)
        late = records.Cursor(portal.now().at - timedelta(seconds=600))
        assert one in seen(portal.pull(late))


def test_pitfall_08_both_edges_of_a_window_are_in_it() -> None:
    with opened() as portal:
        portal.door.sim("clock", freeze=True)
        portal.door.sim("clock", offset_seconds=portal.sim.world.offset_seconds + 1 - portal.sim.world.now() % 1)
        (first,) = portal.add({})
        since = portal.now()
        portal.ahead(60)
        (last,) = portal.add({})
        until = portal.connector.clock()
        assert seen(list(portal.connector.pull("leads", since, until, ("city",)))).keys() == {first, last}


def test_pitfall_10_archived_and_merged_records_come_as_deleted() -> None:
    with opened(archived_seconds=0) as portal:
        winner, loser, gone = portal.add({"firstname": "w"}, {"firstname": "l"}, {})
        since = portal.now()
        portal.door.sim("merge", type="contacts", id=winner, loser=loser)
        portal.door.sim("archive", type="contacts", id=gone)
        found = seen(portal.pull(since))
        assert {one: record.deleted for one, record in found.items()} == {winner: False, loser: True, gone: True}
        assert [one.id for one in portal.connector.get("leads", [winner, loser, gone])] == [winner]


def test_a_crash_between_pages_is_made_up_for_by_reading_again_from_the_last_cursor() -> None:
    with opened() as portal:
        ids = portal.add(*({} for _ in range(450)))
        since = portal.now()
        portal.door.sim("touch", type="contacts", fields={"city": "Tampa"})
        portal.ahead(1)
        pages = portal.connector.pull("leads", since, portal.connector.clock(), ("city",))
        first = next(iter(pages))
        rest = seen(portal.pull(first.cursor, "city"))
        assert {record.id for record in first.records} | rest.keys() == set(ids)


def test_after_any_page_come_those_that_were_not_read_yet() -> None:
    with opened() as portal:
        portal.add(*({} for _ in range(50)))
        since = portal.now()
        portal.ahead(5)
        portal.add(*({} for _ in range(450)))
        portal.ahead(5)
        portal.door.sim("touch", type="contacts", fields={"city": "Tampa"})
        portal.add(*({} for _ in range(250)))
        for begin in (None, since):
            pages = portal.pull(begin, "city")
            for number, page in enumerate(pages, 1):
                rest = [record.id for later in pages[number:] for record in later.records]
                assert [record.id for later in portal.pull(page.cursor) for record in later.records] == rest


def test_a_list_whose_place_is_forgotten_begins_anew() -> None:
    with opened() as portal:
        ids = portal.add(*({} for _ in range(250)))
        first, *_ = portal.pull(None)
        pages = portal.connector.pull("leads", first.cursor, portal.connector.clock(), ("firstname",))
        portal.door.sim("faults", spec="dead_cursor@1")
        assert list(seen(list(pages))) == ids


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("unauthorized", errors.AuthFailed),
        ("forbidden", errors.AuthFailed),
        ("busy", errors.RetryLater),
        ("busy_bare", errors.RetryLater),
        ("used_up", errors.QuotaExhausted),
        ("all.error_503", errors.RetryLater),
        ("all.reset_before", errors.RetryLater),
        ("all.truncated", errors.RetryLater),
        ("dead_cursor", errors.RetryLater),
    ],
)
def test_a_bad_day_while_reading_has_its_class(fault: str, kind: type[errors.SyncdError]) -> None:
    with opened() as portal:
        portal.add(*({} for _ in range(150)))
        until = portal.connector.clock()
        portal.door.sim("faults", spec=fault)
        with pytest.raises(kind):
            list(portal.connector.pull("leads", None, until, ("city",)))


def test_pitfall_13_a_token_that_is_always_refused_is_asked_about_once() -> None:
    with opened(sim={"fault_spec": "unauthorized"}) as portal:
        with pytest.raises(errors.AuthFailed):
            portal.connector.clock()
        assert sum(portal.requests().values()) == 1


def test_pitfall_12_own_limits_keep_the_portal_from_refusing() -> None:
    with opened(sim={"rate": 50, "search_rate": 20}, requests_per_10_seconds=50, searches_per_second=20) as portal:
        since = portal.now()
        for _ in range(4):
            portal.pull(since)
        assert portal.door.sim("world")["refused"] == 0


def test_the_daily_reserve_stays_for_what_is_urgent_until_midnight_of_the_portal() -> None:
    with opened({"time_zone": "Asia/Tokyo"}, sim={"daily": 12}, daily_reserve=8) as portal:
        (one,) = portal.add({})
        portal.connector.clock()
        for _ in range(2):
            portal.connector.get("leads", [one], ("city",))
        with pytest.raises(errors.QuotaExhausted) as caught:
            portal.pull(None)
        assert portal.connector.get("leads", [one], ("city",)), "what is urgent is looked at before it is written"
        assert (caught.value.until.hour, caught.value.until.minute) == (15, 0)
        change = records.Change("update", records.SyncKey("k"), one, {"city": "Tampa"}, urgent=True)
        assert portal.connector.write("leads", [change])[0].error is None
