"""The contract's tests of writing: outcomes, keys, find, clearing, and text as it comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.sdk import errors, protocol, records
from syncd.sdk.testing import contract_tools as tools
from syncd.sdk.testing.contract_far import FarSide

# Umlauts, combining marks, right to left, four bytes, quoting, separators, line ends.
TEXTS = (
    "Søren Müller-Öztürk ß",
    "Zoe\u0308 e\u0301",
    "שלום עליכם",
    "王小明",
    "A😀B👩‍👩‍👧",
    'O\'Neil "x" \\ %s ; --',
    "a|b,c\t<b>&amp;",
    "one\r\ntwo\nthree",
    " blanks around ",
)
PLAIN_UNICODE = "Søren Müller"


class Writing:
    """What every connector must do when it writes."""

    def test_nothing_to_write_is_no_outcome(self, far: FarSide) -> None:
        """An empty batch reaches nobody."""
        with tools.connected(far) as connector:
            for stream, spec in connector.streams.items():
                if spec.writable:
                    assert list(connector.write(stream, [])) == []

    def test_each_create_has_its_outcome_in_order(self, far: FarSide) -> None:
        """The id in an outcome is the id of that change's record: links are made of it."""
        with tools.connected(far) as connector:
            for stream in tools.streams_that(far, "create"):
                text = far.streams[stream].text
                changes = [
                    tools.creation(far, connector, stream, number, **{text: f"NAME{number}"}) for number in range(5)
                ]
                ids = tools.applied(connector, stream, changes)
                held = far.holds(stream)
                told = [held[record_id][text] for record_id in ids]
                assert told == [f"NAME{number}" for number in range(5)], f"{stream}: outcomes are not in order"
                assert len(held) == 5, f"{stream}: five creates made {len(held)} records"

    def test_a_whole_batch_passes(self, far: FarSide) -> None:
        """As many changes as `batch_size` says are taken at once."""
        with tools.connected(far) as connector:
            for stream in tools.streams_that(far, "create"):
                size = connector.streams[stream].batch_size
                assert size > 0
                ids = tools.applied(
                    connector, stream, [tools.creation(far, connector, stream, number) for number in range(size)]
                )
                assert len(set(ids)) == len(far.holds(stream)) == size

    def test_a_refused_change_does_not_stop_the_others(self, far: FarSide) -> None:
        """The one that the far side never takes is Rejected; those before and after it are applied."""
        with tools.connected(far) as connector:
            asked = False
            for stream in tools.streams_that(far, "create"):
                traits = far.streams[stream]
                if traits.refused is None:
                    continue
                asked = True
                good = [
                    tools.creation(far, connector, stream, number, **{traits.text: f"NAME{number}"})
                    for number in range(2)
                ]
                bad = tools.creation(far, connector, stream, 7, **traits.refused)
                outcomes, raised = tools.write(connector, stream, [good[0], bad, good[1]])
                assert raised is None, f"{stream}: one refused change fails the batch: {raised!r}"
                assert [outcome.error is None for outcome in outcomes] == [True, False, True], f"{stream}: {outcomes}"
                error = outcomes[1].error
                assert isinstance(error, errors.Rejected), f"{stream}: {error!r} is not Rejected"
                tools.tells_no_secret(far, error)
                assert sorted(str(one[traits.text]) for one in far.holds(stream).values()) == ["NAME0", "NAME1"]
            if not asked:
                pytest.skip("no stream is created and names values that are refused")

    def test_one_key_is_one_record_or_can_be_found(self, far: FarSide) -> None:
        """A create that is sent twice: where the spec says `upserts` there is one record with the later fields; else
        find shows every record that is there, so that the engine can look before it sends again."""
        with tools.connected(far) as connector:
            for stream in tools.streams_that(far, "create"):
                text = far.streams[stream].text
                first = tools.creation(far, connector, stream, 1, **{text: "FIRST"})
                second = tools.creation(far, connector, stream, 1, **{text: "SECOND"})
                ids = [*tools.applied(connector, stream, [first]), *tools.applied(connector, stream, [second])]
                held = far.holds(stream)
                if connector.streams[stream].upserts:
                    assert len(held) == 1, f"{stream}: one key made {len(held)} records"
                    assert ids[0] == ids[1]
                    assert held[ids[0]][text] == "SECOND", f"{stream}: the later create changed nothing"
                    both = [tools.creation(far, connector, stream, 2, **{text: name}) for name in ("THIRD", "FOURTH")]
                    tools.write(connector, stream, both)
                    assert len(far.holds(stream)) == 2, f"{stream}: one key twice in a batch made two records"
                if connector.streams[stream].key_field:
                    hits = tools.found(far, connector, stream, first.key, first.fields)
                    assert {hit.id for hit in hits} == set(ids), f"{stream}: find does not see all copies"

    def test_find_sees_a_create_by_its_key_only(self, far: FarSide) -> None:
        """At once or within the find lag; not by another key, nor under another's marker."""
        with tools.connected(far) as connector:
            for stream in tools.streams_that(far, "create"):
                spec = connector.streams[stream]
                if spec.key_field is None:
                    continue
                changes = [tools.creation(far, connector, stream, number) for number in range(2)]
                ids = tools.applied(connector, stream, changes)
                with tools.connected(far) as next_life:
                    for change, record_id in zip(changes, ids, strict=True):
                        hits = tools.found(far, next_life, stream, change.key, change.fields)
                        assert [hit.id for hit in hits] == [record_id], f"{stream}: find gives {len(hits)} records"
                        assert hits[0].fields.get(spec.key_field) == change.key.value, f"{stream}: without its key"
                    other = tools.key_for(connector, stream, 99)
                    assert not tools.found(far, next_life, stream, other, changes[0].fields), f"{stream}: a wrong key"
                    if spec.marker_field:
                        strange = records.SyncKey(changes[0].key.value, "syncd:somebody:else")
                        hits = tools.found(far, next_life, stream, strange, changes[0].fields)
                        assert not hits, f"{stream}: find takes another's record for ours"

    def test_a_long_and_an_odd_key_are_found(self, far: FarSide) -> None:
        """Twenty characters with `-` and `_` are a key as any other."""
        with tools.connected(far) as connector:
            for stream in tools.streams_that(far, "create"):
                if connector.streams[stream].key_field is None:
                    continue
                key = records.SyncKey("Az_-0123456789_-zZ09", tools.key_for(connector, stream, 1).marker)
                change = records.Change("create", key, fields=far.sample(stream, 1))
                ids = tools.applied(connector, stream, [change])
                assert [hit.id for hit in tools.found(far, connector, stream, key, change.fields)] == ids

    def test_an_update_changes_what_it_names(self, far: FarSide) -> None:
        """Of the records that it names, and no other field."""
        for stream in tools.streams_that(far, "update"):
            with tools.connected(far) as connector:
                text = far.streams[stream].text
                ids = _present(far, connector, stream, 3)
                before = far.holds(stream)
                changes = [tools.updating(record_id, {text: f"NEW{record_id}"}) for record_id in ids[:2]]
                told = tools.applied(connector, stream, changes)
                assert told == ids[:2], f"{stream}: an outcome names another record"
                expected = {one: {**before[one], text: f"NEW{one}"} for one in ids[:2]} | {ids[2]: before[ids[2]]}
                held = far.holds(stream)
                for one, fields in expected.items():
                    assert held[one][text] == fields[text], f"{stream}: the wrong record was changed"
                    assert held[one].keys() == fields.keys()

    def test_none_clears_a_field(self, far: FarSide) -> None:
        """A None in an update empties the field; it reads back as None or empty."""
        asked = False
        for stream in tools.streams_that(far, "update", "get"):
            clear = far.streams[stream].clear
            if clear is None:
                continue
            asked = True
            with tools.connected(far) as connector:
                (record_id,) = _present(far, connector, stream, 1)
                tools.applied(connector, stream, [tools.updating(record_id, {clear: "Filled"})])
                (record,) = connector.get(stream, [record_id], [clear])
                assert record.fields[clear], f"{stream}.{clear}: not filled"
                tools.applied(connector, stream, [tools.updating(record_id, {clear: None})])
                (record,) = connector.get(stream, [record_id], [clear])
                assert not record.fields[clear], f"{stream}.{clear}: None does not clear it"
        if not asked:
            pytest.skip("no stream names a field that can be cleared")

    def test_a_record_that_is_gone_is_missing_and_the_others_pass(self, far: FarSide) -> None:
        """An update of an id that is not there never creates one and does not stop its batch."""
        for stream in tools.streams_that(far, "update"):
            with tools.connected(far) as connector:
                text = far.streams[stream].text
                (there,) = _present(far, connector, stream, 1)
                changes = [
                    tools.updating("987654321", {text: "GHOST"}),
                    tools.updating(there, {text: "ALIVE"}),
                ]
                outcomes, raised = tools.write(connector, stream, changes)
                assert raised is None, f"{stream}: {raised!r}"
                assert isinstance(outcomes[0].error, errors.Missing), f"{stream}: {outcomes[0]} is not Missing"
                assert outcomes[1].error is None, f"{stream}: {outcomes[1].error!r}"
                assert [one[text] for one in far.holds(stream).values()] == ["ALIVE"]

    def test_remove_takes_out_of_use_and_deletes_nothing(self, far: FarSide) -> None:
        """For each reason; the record stays there, and doing it twice is no error."""
        for stream in tools.streams_that(far, "remove"):
            with tools.connected(far) as connector:
                reasons = ("deleted", "opt_out", "left", "twin")
                ids = _present(far, connector, stream, len(reasons))
                changes = [
                    records.Change("remove", tools.key_of(number), record_id, reason=reason, urgent=True)
                    for number, (record_id, reason) in enumerate(zip(ids, reasons, strict=True))
                ]
                assert tools.applied(connector, stream, changes) == ids
                assert tools.applied(connector, stream, changes) == ids
                assert set(far.holds(stream)) == set(ids), f"{stream}: a removed record is gone"

    @pytest.mark.parametrize("value", TEXTS)
    def test_text_comes_back_as_the_connector_says(self, far: FarSide, value: str) -> None:
        """What is read back is `canonical` of what was written: else each run sees a change and writes it again."""
        for stream, connector, record_id, text in _written(far, value):
            expected = tools.canonical(connector, stream, {text: value})[text] or None
            held = far.holds(stream)[record_id][text] or None
            assert held == expected, f"{stream}: the far side holds {held!a}, expected {expected!a}"
            if "get" in far.streams[stream].does:
                (record,) = connector.get(stream, [record_id], [text])
                assert (record.fields[text] or None) == expected, f"{stream}: read {record.fields[text]!a}"

    def test_plain_letters_of_europe_stay(self, far: FarSide) -> None:
        """`canonical` must not excuse broken letters."""
        tools.needs(far, "unicode")
        for stream, _, record_id, text in _written(far, PLAIN_UNICODE):
            assert far.holds(stream)[record_id][text] == PLAIN_UNICODE, f"{stream}: letters are broken"

    def test_typed_values_keep_syncds_spelling(self, far: FarSide) -> None:
        """Booleans, numbers and instants are read as they were written, or as `canonical` says."""
        asked = False
        for stream, traits in far.streams.items():
            if not traits.typed or "get" not in traits.does:
                continue
            asked = True
            with tools.connected(far) as connector:
                names = list(traits.typed)
                if "update" in traits.does:
                    (record_id,) = _present(far, connector, stream, 1)
                    tools.applied(connector, stream, [tools.updating(record_id, traits.typed)])
                else:
                    change = tools.creation(far, connector, stream, 1, **traits.typed)
                    (record_id,) = tools.applied(connector, stream, [change])
                (record,) = connector.get(stream, [record_id], names)
                expected = tools.canonical(connector, stream, traits.typed)
                assert {name: record.fields[name] for name in names} == expected, f"{stream}: other values"
        if not asked:
            pytest.skip("no stream names typed values")


def _present(far: FarSide, connector: protocol.Connector, stream: str, count: int) -> list[str]:
    """So many records that are there: entered where that is possible, else created."""
    if "enter" in far.streams[stream].does:
        return far.enter(stream, [far.sample(stream, number) for number in range(count)])
    changes = [tools.creation(far, connector, stream, number) for number in range(count)]
    return tools.applied(connector, stream, changes)


def _written(far: FarSide, value: str) -> Iterator[tuple[str, protocol.Connector, str, str]]:
    """Write the text to a record of each stream that is written: stream, connector, id, field."""
    with tools.connected(far) as connector:
        for stream, traits in far.streams.items():
            if "update" in traits.does:
                (record_id,) = _present(far, connector, stream, 1)
                tools.applied(connector, stream, [tools.updating(record_id, {traits.text: value})])
            elif "create" in traits.does:
                change = tools.creation(far, connector, stream, 1, **{traits.text: value})
                (record_id,) = tools.applied(connector, stream, [change])
            else:
                continue
            yield stream, connector, record_id, traits.text
