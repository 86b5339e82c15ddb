"""The contract's tests of reading: nothing lost over ties, pages, lag and crashes; ids; deletes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.sdk import records
from syncd.sdk.testing import contract_tools as tools
from syncd.sdk.testing.contract_far import FarSide


class Reading:
    """What every connector must do when it reads."""

    def test_everything_is_read_once_over_equal_times_and_page_borders(self, far: FarSide) -> None:
        """A pull of everything brings every record, also where one time fills more than a page: changes made in one
        transaction or import share their time."""
        tools.needs(far, "stamp")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                size, (base, apart) = far.streams[stream].page_size, tools.moments(far, connector, stream)
                entered: list[str] = []
                for step, count in enumerate((1, 2 * size + 1, size)):
                    rows = [far.sample(stream, len(entered) + number) for number in range(count)]
                    entered += far.enter(stream, rows, at=base + step * apart)
                far.pass_time(far.streams[stream].lag_seconds)
                missing = set(entered) - set(tools.pulled(far, connector, stream))
                assert not missing, f"{stream}: {len(missing)} of {len(entered)} records are lost"

    def test_a_pull_begins_at_since_and_includes_it_and_until(self, far: FarSide) -> None:
        """`since` and `until` belong to what is read: a change in the same second as the cursor, made after it was
        read, has the cursor's time."""
        tools.needs(far, "stamp")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                base, apart = tools.moments(far, connector, stream)
                ids = [far.enter(stream, [far.sample(stream, step)], at=base + step * apart)[0] for step in range(4)]
                far.pass_time(far.streams[stream].lag_seconds)
                since, until = records.Cursor(base + apart), base + 2 * apart
                found = tools.pulled(far, connector, stream, since, until)
                assert ids[1] in found, f"{stream}: a record at `since` itself is lost"
                assert ids[2] in found, f"{stream}: a record at `until` itself is lost"
                later = tools.pulled(far, connector, stream, records.Cursor(until))
                assert set(ids[2:]) <= set(later), f"{stream}: the next run does not go on where this one ended"

    def test_a_crash_after_any_page_loses_nothing(self, far: FarSide) -> None:
        """The engine commits each page's cursor; a new process goes on from any of them."""
        tools.needs(far, "stamp")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                size, (base, apart) = far.streams[stream].page_size, tools.moments(far, connector, stream)
                entered: list[str] = []
                for step in range(3):
                    rows = [far.sample(stream, len(entered) + number) for number in range(size + 1)]
                    entered += far.enter(stream, rows, at=base + step * apart)
                far.pass_time(far.streams[stream].lag_seconds)
                until = connector.clock()
                before: set[str] = set()
                for number, page in enumerate(tools.pages(far, connector, stream, until=until)):
                    before |= {record.id for record in page.records}
                    with tools.connected(far) as next_life:
                        after = tools.pulled(far, next_life, stream, page.cursor)
                    missing = set(entered) - before - set(after)
                    assert not missing, f"{stream}: a crash after page {number} loses {len(missing)} records"

    def test_what_changes_while_it_is_read_comes_now_or_with_the_next_run(self, far: FarSide) -> None:
        """Records that move behind the reader's back, or are entered, must be seen in one of the two runs."""
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter", "change"):
                traits, spec = far.streams[stream], connector.streams[stream]
                rows = [far.sample(stream, number) for number in range(2 * traits.page_size + 1)]
                ids = far.enter(stream, rows)
                far.pass_time(max(1.0, traits.lag_seconds))
                run = tools.pages(far, connector, stream)
                seen: dict[str, records.Record] = {}
                cursor: records.Cursor | None = None
                moved = False
                for page in run:
                    seen.update({record.id: record for record in page.records})
                    cursor = page.cursor
                    if page.records and not moved:
                        moved = True
                        far.change(stream, ids[0], "CHANGED1")
                        far.change(stream, ids[-1], "CHANGED2")
                        ids += far.enter(stream, [far.sample(stream, len(ids))])
                assert cursor is not None, f"{stream}: nothing was read"
                far.pass_time(max(1.0, traits.lag_seconds))
                since = records.Cursor(cursor.at - timedelta(seconds=tools.overlap(spec)))
                seen.update(tools.pulled(far, connector, stream, since))
                for record_id, held in far.holds(stream).items():
                    assert record_id in seen, f"{stream}: a record entered while another was read is lost"
                    assert seen[record_id].fields[traits.text] == held[traits.text], f"{stream}: a change is lost"

    def test_what_shows_late_is_caught_by_the_overlap(self, far: FarSide) -> None:
        """A transaction that ends late, or an index that lags, shows a record whose time the cursor has passed."""
        tools.needs(far, "stamp")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                back = tools.overlap(connector.streams[stream])
                lag = far.streams[stream].lag_seconds
                assert back >= lag, f"{stream}: the overlap of {back} s is shorter than the far side's lag of {lag} s"
                if not back:
                    continue
                base = tools.past(connector, 5)
                far.enter(stream, [far.sample(stream, 1)], at=base)
                far.pass_time(lag)
                read = list(tools.pages(far, connector, stream))
                assert read, f"{stream}: nothing was read"
                cursor = read[-1].cursor
                stamp = (cursor.at - timedelta(seconds=min(back, 3600.0) / 2)).replace(microsecond=0)
                (late,) = far.enter(stream, [far.sample(stream, 2)], at=stamp)
                far.pass_time(lag)
                since = records.Cursor(cursor.at - timedelta(seconds=back))
                assert late in tools.pulled(far, connector, stream, since), f"{stream}: a late record is lost"

    def test_the_lag_of_reading_is_within_the_overlap(self, far: FarSide) -> None:
        """A record entered just before a run ends up read by the next, at the latest."""
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                traits, spec = far.streams[stream], connector.streams[stream]
                (entered,) = far.enter(stream, [far.sample(stream, 1)])
                until = connector.clock()
                read = list(tools.pages(far, connector, stream, until=until))
                seen = {record.id for page in read for record in page.records}
                far.pass_time(max(1.0, traits.lag_seconds))
                at = read[-1].cursor.at if read else until
                since = records.Cursor(at - timedelta(seconds=tools.overlap(spec)))
                seen |= set(tools.pulled(far, connector, stream, since))
                assert entered in seen, f"{stream}: a record entered just before a run is lost"

    def test_the_fields_that_are_asked_for_come_as_text(self, far: FarSide) -> None:
        """Every value is text or None, `modified` is aware UTC, and the text is the one that was entered."""
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                traits = far.streams[stream]
                (entered,) = far.enter(stream, [far.sample(stream, 1)])
                far.pass_time(max(1.0, traits.lag_seconds))
                record = tools.pulled(far, connector, stream)[entered]
                assert record.fields[traits.text] == far.holds(stream)[entered][traits.text], f"{stream}: other text"
                assert all(value is None or isinstance(value, str) for value in record.fields.values())
                if record.modified is not None:
                    assert record.modified.utcoffset() == timedelta(0), f"{stream}: `modified` is not aware UTC"

    def test_get_brings_those_that_exist_and_no_others(self, far: FarSide) -> None:
        """Unknown, odd and repeated ids are no error; many ids in one call are the connector's to split."""
        for stream in tools.streams_that(far, "enter", "get"):
            with tools.connected(far) as connector:
                traits = far.streams[stream]
                ids = far.enter(stream, [far.sample(stream, number) for number in range(5)])
                unknown = ["987654321", "no such id", "ü/../?x=1"]
                many = [str(800_000_000 + number) for number in range(120)]
                got = connector.get(stream, [*unknown, *ids, ids[0], *many], [traits.text])
                assert {record.id for record in got} == set(ids), f"{stream}: get brings others than asked for"
                held = far.holds(stream)
                for record in got:
                    assert record.fields[traits.text] == held[record.id][traits.text], f"{stream}: another's fields"
                assert list(connector.get(stream, [], [traits.text])) == [], f"{stream}: nothing was asked for"

    def test_a_deletion_shows_as_the_spec_says(self, far: FarSide) -> None:
        """`flag`: it comes with the next pull. `vanish`: `get` does not find it any more. Either way `get` never
        presents it as alive, else a person who was deleted is dialled."""
        with tools.connected(far) as connector:
            asked = False
            for stream in tools.streams_that(far, "enter", "delete"):
                traits, spec = far.streams[stream], connector.streams[stream]
                gone, kept = far.enter(stream, [far.sample(stream, number) for number in range(2)])
                far.pass_time(max(1.0, traits.lag_seconds))
                cursor = records.Cursor(connector.clock())
                far.delete(stream, gone)
                far.pass_time(max(1.0, traits.lag_seconds))
                if spec.deletes == "flag":
                    since = records.Cursor(cursor.at - timedelta(seconds=tools.overlap(spec)))
                    record = tools.pulled(far, connector, stream, since).get(gone)
                    assert record is not None, f"{stream}: a deletion is not read"
                    assert record.deleted, f"{stream}: a deleted record comes as if it were there"
                if "get" in traits.does:
                    alive = {one.id for one in connector.get(stream, [gone, kept]) if not one.deleted}
                    assert alive == {kept}, f"{stream}: get does not tell the deleted from the others"
                asked = asked or spec.deletes == "flag" or "get" in traits.does
            if not asked:
                pytest.skip("no stream whose records are deleted shows it by a pull or by get")
