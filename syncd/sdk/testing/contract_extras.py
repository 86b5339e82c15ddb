"""The contract's tests of the extras that a connector has beside the protocol; those that it has not are skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import timedelta
from functools import partial

import pytest

from syncd.sdk import errors, fence, protocol, records
from syncd.sdk.testing import contract_tools as tools
from syncd.sdk.testing.contract_far import FarSide, RecordsCalls, Trouble
from syncd.sdk.testing.contract_trouble import READS
from syncd.sdk.testing.contract_writing import TEXTS

_NONE_SUCH = "the connector has no such extra"
_CALLS = "calls"
_NUMBERS = ("7275550188", "7275550189")  # of the code 1, on nobody's list
_RECORDING = {"url", "recording_id", "filename", "started_at", "length_in_sec", "user"}
# What each kind of answer comes to; more of them would show nothing else. A refused login comes last: it is remembered.
_KINDS: tuple[Trouble, ...] = ("429_after", "500_before", "reset_before", "refused", "cut", "empty", "401")


class Extras:
    """What a connector must do where it offers more than it must."""

    def test_canonical_foretells_a_whole_record_and_changes_nothing_twice(self, far: FarSide) -> None:
        """Every field of a good record that can be read, not only its text; and what was read and is written again
        stays as it is. Once it has been asked, it asks nobody: the engine calls it for each record that it plans."""
        with tools.connected(far) as connector:
            if not isinstance(connector, protocol.Canonicalises):
                pytest.skip(_NONE_SUCH)
            for stream, traits in far.streams.items():
                sample, text = far.sample(stream, 1), traits.text
                if traits.does >= {"create", "get"}:
                    (record_id,) = tools.applied(connector, stream, [tools.creation(far, connector, stream, 1)])
                    (record,) = connector.get(stream, [record_id], list(sample))
                    expected = {name: value for name, value in connector.canonical(stream, sample).items() if value}
                    read = {name: record.fields[name] for name in sample if record.fields.get(name)}
                    assert text in read, f"{stream}.{text} is not read"
                    assert read == {name: expected[name] for name in read}, f"{stream}: other values"
                connector.canonical(stream, sample)
                before = _asked(far)
                for value in TEXTS:
                    once = connector.canonical(stream, {text: value})
                    assert connector.canonical(stream, once) == once, f"{stream}: {value!a} changes twice"
                assert _asked(far) == before, "canonical sends requests again and again"

    def test_many_keys_are_found_as_each_is(self, far: FarSide) -> None:
        """In order, also those that are not there."""
        with tools.connected(far) as connector:
            if not isinstance(connector, protocol.FindsMany):
                pytest.skip(_NONE_SUCH)
            for stream in tools.streams_that(far, "create"):
                spec = connector.streams[stream]
                changes = [tools.creation(far, connector, stream, number) for number in range(3)]
                ids = tools.applied(connector, stream, changes[:2])
                if "pass_time" not in far.without:
                    far.pass_time(spec.find_lag_seconds)
                wanted = [(one.key, {name: one.fields.get(name) for name in spec.near}) for one in changes]
                found = connector.find_many(stream, [wanted[2], wanted[1], wanted[0]])
                assert [[hit.id for hit in hits] for hits in found] == [[], [ids[1]], [ids[0]]], f"{stream}: order"
                assert list(connector.find_many(stream, [])) == []

    def test_the_fields_that_it_lists_are_those_that_it_takes(self, far: FarSide) -> None:
        """`config check` refuses a mapping that names a field which is not listed, or cannot be written."""
        with tools.connected(far) as connector:
            if not isinstance(connector, protocol.ListsFields):
                pytest.skip(_NONE_SUCH)
            for stream, traits in far.streams.items():
                known = connector.fields(stream)
                written = {traits.text, *traits.typed, *filter(None, [traits.clear])}
                if "create" in traits.does:
                    written |= far.sample(stream, 1).keys()
                missing = {traits.text, *written} - known.keys()
                assert not missing, f"{stream}: {missing} are not listed"
                if traits.does & {"create", "update"}:
                    locked = [name for name in written if not known[name].writable]
                    assert not locked, f"{stream}: {locked} are said not to be writable"

    def test_an_erased_lead_is_gone_and_another_one_is_not_touched(self, far: FarSide) -> None:
        """It can be erased as often as wanted; what is left of it is told without asking anybody."""
        with tools.connected(far) as connector:
            if not isinstance(connector, protocol.Erases):
                pytest.skip(_NONE_SUCH)
            key_field = connector.streams["leads"].key_field
            assert key_field is not None, "whose a lead is cannot be seen"
            changes = [tools.creation(far, connector, "leads", number) for number in range(2)]
            ids = tools.applied(connector, "leads", changes)
            mine, other = ({key_field: one.key.value} for one in changes)
            assert list(connector.events_of(ids[0])) == []
            with pytest.raises(errors.Rejected):
                connector.erase(ids[0], other)
            assert {one.id for one in connector.get("leads", ids, [key_field])} == set(ids)
            for _ in range(2):
                connector.erase(ids[0], mine)
                assert [one.id for one in connector.get("leads", ids, [key_field])] == [ids[1]]
            before = _asked(far)
            assert all(connector.left_by_hand(ids))
            assert list(connector.left_by_hand([])) == []
            assert _asked(far) == before, "it sends requests"

    def test_each_call_gets_its_own_recordings(self, far: FarSide) -> None:
        """In order of the calls and, of one call, of their beginnings; a call without any gets an empty list, one whose
        link is not there yet a recording without a link."""
        with tools.connected(far) as connector:
            extra, recorder = _recorder(far, connector)
            (twice, unlinked, never), calls = _three_calls(far, connector, extra)
            links = [recorder.record(twice, begins=10), recorder.record(twice, begins=0)]
            assert recorder.record(unlinked, begins=0, linked=False) == ""
            order = [never, twice, unlinked]
            found = _lists(extra.recordings([calls[one] for one in order]))
            assert [len(one) for one in found] == [0, 2, 1]
            assert [one.fields["url"] for one in found[1]] == links[::-1], "not the oldest first"
            assert found[2][0].fields["url"] == "", "a link that nobody gave"
            every = [one for some in found for one in some]
            assert len({one.fields["recording_id"] for one in every}) == len({one.id for one in every}) == 3
            for one in every:
                assert one.fields.keys() >= _RECORDING
                assert abs(records.instant(one.fields["started_at"] or "") - tools.past(connector)) < timedelta(days=2)
            again = _lists(extra.recordings([calls[one] for one in reversed(order)]))
            assert [[one.id for one in some] for some in again] == [[one.id for one in some] for some in found[::-1]]
            assert list(extra.recordings([])) == []

    def test_a_check_of_recordings_finds_nothing_on_a_good_day_and_tells_trouble(self, far: FarSide) -> None:
        """Without raising."""
        with tools.connected(far) as connector:
            extra, _ = _recorder(far, connector)
            assert [str(one) for one in extra.check_recordings() if one.fatal] == []
            if "401" not in far.without and "read trouble" not in far.without:
                with far.trouble("401", _CALLS, of="read"):
                    told = extra.check_recordings()
                assert any(one.fatal for one in told), "a refused login is not noticed"
                assert not [secret for secret in far.secrets if secret in " ".join(map(str, told))]

    def test_a_number_is_on_the_lists_that_it_was_put_on_until_it_is_taken_off(self, far: FarSide) -> None:
        """And no other number is; both may be repeated. Another connector sees it."""
        with tools.connected(far) as connector, tools.connected(far) as other:
            if not isinstance(connector, protocol.KeepsDnc) or not isinstance(other, protocol.KeepsDnc):
                pytest.skip(_NONE_SUCH)
            ours, another = _NUMBERS
            lists = list(connector.dnc_lists())
            assert lists, "where do opt-outs go?"
            assert connector.dnc_listed(ours, "1") == []
            for _ in range(2):
                connector.dnc_add(ours, lists)
                assert set(other.dnc_listed(ours, "1")) >= set(lists)
            assert other.dnc_listed(another, "1") == []
            assert sorted(connector.dnc_remove(ours, lists)) == sorted(lists)
            assert connector.dnc_remove(ours, lists) == [], "it was on none any more"
            assert other.dnc_listed(ours, "1") == []

    def test_statistics_name_each_group_once_and_invent_no_number(self, far: FarSide) -> None:
        """Those that call come first; what is not told is None."""
        with tools.connected(far) as connector:
            if not isinstance(connector, protocol.TellsStatistics):
                pytest.skip(_NONE_SUCH)
            assert [str(one) for one in connector.check_statistics() if one.fatal] == []
            told = list(connector.statistics())
            assert told, "no group at all"
            assert len({(one.group, one.leg) for one in told}) == len(told), "a group comes twice"
            assert [one.leg for one in told] == sorted((one.leg for one in told), key=["out", "in"].index)
            for one in told:
                numbers = [getattr(one, field.name) for field in fields(one) if field.name not in ("group", "leg")]
                assert all(number is None or number >= 0 for number in numbers), f"{one.group}: less than nothing"
                assert one.abandon_percent is None or one.abandon_percent <= 100, f"{one.group}: more than all"

    def test_behind_a_shut_fence_no_extra_sends_anything(self, far: FarSide) -> None:
        """A run that lost its lease must not reach the far side, by no call."""
        tools.needs(far, "requests")

        def shut(timeout_seconds: float) -> None:
            raise errors.LeaseLost("lost")

        with tools.connected(far) as connector:
            looks = _looks(far, connector)
            before = far.requests()
            with fence.held(shut):
                for what, look in looks:
                    with pytest.raises(errors.LeaseLost):
                        look()
                    assert far.requests() == before, f"{what} passed a shut fence"

    def test_an_extra_in_trouble_has_its_error_and_never_says_that_there_is_nothing(self, far: FarSide) -> None:
        """No recording yet, on no list, nobody waits: each of these is an answer that somebody acts on."""
        tools.needs(far, "read trouble")
        with tools.connected(far) as connector:
            looks = _looks(far, connector)
            for kind in _KINDS:
                if kind in far.without:
                    continue
                for what, look in looks:
                    with far.trouble(kind, _CALLS, of="read"):
                        try:
                            told = look()
                        except READS[kind] as caught:
                            tools.tells_no_secret(far, caught)
                        else:
                            pytest.fail(f"{what}: {kind} became {told!r}")


def _asked(far: FarSide) -> int:
    return 0 if "requests" in far.without else far.requests()


def _recorder(far: FarSide, connector: protocol.Connector) -> tuple[protocol.FindsRecordings, RecordsCalls]:
    if not isinstance(connector, protocol.FindsRecordings):
        pytest.skip(_NONE_SUCH)
    tools.needs(far, "recordings")
    assert isinstance(far, RecordsCalls), "the far side needs `record`, or an excuse for `recordings`"
    return connector, far


def _three_calls(
    far: FarSide, connector: protocol.Connector, extra: protocol.FindsRecordings
) -> tuple[list[str], dict[str, records.Record]]:
    """Calls that were entered: their ids, and the records as the engine reads them."""
    base = tools.past(connector, 3600)
    rows = [far.sample(_CALLS, number) for number in range(3)]
    ids = [far.enter(_CALLS, [row], at=base + timedelta(minutes=10 * number))[0] for number, row in enumerate(rows)]
    far.pass_time(max(1.0, far.streams[_CALLS].lag_seconds))
    wanted = [far.streams[_CALLS].text, *extra.recordings_by, *extra.recordings_words.values()]
    calls = {}
    for page in connector.pull(_CALLS, None, connector.clock(), wanted):
        calls.update({record.id: record for record in page.records})
    assert set(extra.recordings_words) <= {"campaign", "agent", "status", "unique"}
    for name in wanted:
        assert name in calls[ids[0]].fields, f"calls have no field {name}, which recordings are looked up or sorted by"
    return ids, calls


def _lists(found: Sequence[list[records.Record] | errors.SyncdError]) -> list[list[records.Record]]:
    lists = []
    for one in found:
        if isinstance(one, errors.SyncdError):
            raise one
        lists.append(one)
    return lists


def _looks(far: FarSide, connector: protocol.Connector) -> list[tuple[str, Callable[[], object]]]:
    """Each way in which an extra of this connector looks at the far side; skip where there is none. What is returned as
    an error is raised."""
    looks: list[tuple[str, Callable[[], object]]] = []
    if isinstance(connector, protocol.FindsRecordings) and "recordings" not in far.without:
        extra = connector
        ids, calls = _three_calls(far, connector, extra)
        looks.append(("recordings", lambda: _lists(extra.recordings([calls[one] for one in ids]))))
    if isinstance(connector, protocol.KeepsDnc):
        looks.append(("dnc_listed", partial(connector.dnc_listed, _NUMBERS[0], "1")))
    if isinstance(connector, protocol.TellsStatistics):
        looks.append(("statistics", connector.statistics))
    if not looks:
        pytest.skip("no extra of this connector looks at anything")
    for _, look in looks:
        look()  # on a good day: what a connector finds out first is known from now on
    return looks
