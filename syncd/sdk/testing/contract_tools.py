"""Steps that the contract's tests share: reading as the engine reads, writing as it writes, looking for secrets."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from syncd.sdk import errors, protocol, records
from syncd.sdk.testing.contract_far import Action, FarSide

# Every test module imports this one first, so that its failing assertions show their values.
pytest.register_assert_rewrite(
    "syncd.sdk.testing.contract_extras",
    "syncd.sdk.testing.contract_reading",
    "syncd.sdk.testing.contract_trouble",
    "syncd.sdk.testing.contract_writing",
)

CANARY = "Kanarienvogel"  # a person's name that no message may repeat
CLIENT = "acme"
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def streams_that(far: FarSide, *does: Action) -> list[str]:
    """The streams that can do all of this; skip the test where there is none."""
    found = [name for name, stream in far.streams.items() if stream.does >= set(does)]
    if not found:
        pytest.skip(f"no stream of this connector can {' and '.join(does)}")
    return found


def readable(far: FarSide, connector: protocol.Connector, *does: Action) -> list[str]:
    """The streams that are pulled and can do this; skip where there is none."""
    found = [
        name for name, stream in far.streams.items() if stream.does >= set(does) and connector.streams[name].readable
    ]
    if not found:
        pytest.skip(f"no stream of this connector is pulled and can {' and '.join(does) or 'be asked'}")
    return found


def needs(far: FarSide, *abilities: str) -> None:
    """Skip, with its reason, what the far side lacks."""
    for ability in abilities:
        if ability in far.without:
            pytest.skip(f"without {ability}: {far.without[ability]}")


@contextmanager
def connected(far: FarSide) -> Iterator[protocol.Connector]:
    """Another connector, closed at the end."""
    connector = far.connector()
    try:
        yield connector
    finally:
        connector.close()


def past(connector: protocol.Connector, seconds: float = 120.0) -> datetime:
    """A whole second of the far side's past."""
    return (connector.clock() - timedelta(seconds=seconds)).replace(microsecond=0)


def moments(far: FarSide, connector: protocol.Connector, stream: str) -> tuple[datetime, timedelta]:
    """A moment in the past, and how far apart records must be to fall into different pages, if pages are stretches of
    time; four such steps lead to no future."""
    apart = timedelta(seconds=far.streams[stream].page_seconds)
    return past(connector, 120.0 + 4 * apart.total_seconds()), apart


def pages(
    far: FarSide,
    connector: protocol.Connector,
    stream: str,
    since: records.Cursor | None = None,
    until: datetime | None = None,
) -> Iterator[records.Page]:
    """Pull, with the engine's rules for cursors held at each page."""
    end = until if until is not None else connector.clock()
    floor = since.at if since is not None else None
    seen: set[tuple[datetime, str]] = set()
    for page in connector.pull(stream, since, end, [far.streams[stream].text]):
        at = page.cursor.at
        assert at.tzinfo is not None, f"{stream}: a cursor needs an aware time"
        assert at.utcoffset() == timedelta(0), f"{stream}: a cursor's time is in UTC, not {at.tzinfo}"
        assert at <= end, f"{stream}: the cursor {at} passed `until` {end}: what comes in between is lost"
        assert floor is None or at >= floor, f"{stream}: the cursor went back from {floor} to {at}"
        assert (at, page.cursor.id) not in seen, f"{stream}: the cursor stood still at {at}"
        seen.add((at, page.cursor.id))
        floor = at
        yield page


def pulled(
    far: FarSide,
    connector: protocol.Connector,
    stream: str,
    since: records.Cursor | None = None,
    until: datetime | None = None,
) -> dict[str, records.Record]:
    """The last that a pull says of each record."""
    return {record.id: record for page in pages(far, connector, stream, since, until) for record in page.records}


def overlap(spec: records.StreamSpec) -> float:
    """Seconds that each run reads back."""
    return min((seconds for every, seconds in spec.overlaps if not every), default=0.0)


def key_of(number: int, stream: str = "leads") -> records.SyncKey:
    """The key of the n-th record of the contract's client."""
    return records.SyncKey.of(CLIENT, stream, f"contract-{number}")


def key_for(connector: protocol.Connector, stream: str, number: int) -> records.SyncKey:
    """The key, with a marker where the stream plants one."""
    key = key_of(number)
    return key if connector.streams[stream].marker_field else records.SyncKey(key.value)


def creation(far: FarSide, connector: protocol.Connector, stream: str, number: int, **fields: str) -> records.Change:
    """A change that creates the n-th sample."""
    return records.Change("create", key_for(connector, stream, number), fields={**far.sample(stream, number), **fields})


def updating(record_id: str, fields: records.Fields, number: int = 1) -> records.Change:
    """A change of a record."""
    return records.Change("update", key_of(number), record_id, fields)


def write(
    connector: protocol.Connector, stream: str, changes: Sequence[records.Change]
) -> tuple[Sequence[records.Outcome], errors.SyncdError | None]:
    """Write as the engine does: one outcome per change; what is raised makes all of them Ambiguous and is returned."""
    try:
        outcomes = connector.write(stream, changes)
    except errors.SyncdError as error:
        return [records.Outcome(error=errors.Ambiguous("raised"))] * len(changes), error
    assert len(outcomes) == len(changes), f"{stream}: {len(changes)} changes have {len(outcomes)} outcomes"
    for outcome in outcomes:
        assert outcome.error is not None or outcome.id, f"{stream}: an applied change has no id"
    return outcomes, None


def applied(connector: protocol.Connector, stream: str, changes: Sequence[records.Change]) -> list[str]:
    """Write what must pass; return the ids."""
    outcomes, raised = write(connector, stream, changes)
    assert raised is None, f"{stream}: write raised {raised!r}"
    found: list[str] = []
    for place, outcome in enumerate(outcomes):
        assert outcome.error is None, f"{stream}: change {place} of {len(changes)} is refused: {outcome.error!r}"
        found.append(outcome.id or "")
    return found


def canonical(connector: protocol.Connector, stream: str, fields: records.Fields) -> Mapping[str, str | None]:
    """The fields as the connector says that they will be read back."""
    return connector.canonical(stream, fields) if isinstance(connector, protocol.Canonicalises) else fields


def found(
    far: FarSide, connector: protocol.Connector, stream: str, key: records.SyncKey, fields: records.Fields
) -> list[records.Record]:
    """What find sees at once or, where that is nothing, when the declared find lag has passed."""
    spec = connector.streams[stream]
    near = {name: fields.get(name) for name in spec.near}
    hits = connector.find(stream, key, near)
    if not hits and "pass_time" not in far.without:
        far.pass_time(spec.find_lag_seconds)
        hits = connector.find(stream, key, near)
    return hits


def tells_no_secret(far: FarSide, error: BaseException) -> None:
    """Neither an error nor what it was raised from may hold a secret or a person's name."""
    told = "".join(traceback.format_exception(error)) + repr(error) + str(getattr(error, "fix", ""))
    for secret in (*far.secrets, CANARY):
        assert secret not in told, f"{type(error).__name__} tells a secret or a name"
