"""The contract of a connector, as tests: one suite that every connector passes (docs/connectors.md).

A connector's tests subclass `ConnectorContract` and give it a fixture `far`, a fresh `FarSide`. The tests look at what
happens, never at how. Only the testing kit imports pytest.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.sdk import errors, fence, protocol, records
from syncd.sdk.testing import contract_tools as tools
from syncd.sdk.testing.contract_extras import Extras
from syncd.sdk.testing.contract_far import ABILITIES, TROUBLES, WRITTEN, FarSide
from syncd.sdk.testing.contract_reading import Reading
from syncd.sdk.testing.contract_trouble import Troubles
from syncd.sdk.testing.contract_writing import Writing

LEAST_TROUBLES = 2


class ConnectorContract(Reading, Writing, Troubles, Extras):
    """All that a connector must do. Subclass it as `Test…` and define the fixture `far`."""

    @pytest.fixture
    def far(self) -> FarSide:
        """The far side; the subclass gives it."""
        pytest.fail("define a fixture `far` that gives a FarSide (docs/connectors.md)", pytrace=False)

    def test_the_far_side_lets_enough_be_asked(self, far: FarSide) -> None:
        """A far side that excuses everything proves nothing: the connector's streams are all there, what the spec calls
        readable or writable can be tried, excuses have names that exist and reasons, and some trouble can be made."""
        with tools.connected(far) as connector:
            specs = connector.streams
        assert set(far.streams) == set(specs), "the far side names other streams than the connector"
        for name, spec in specs.items():
            does = far.streams[name].does
            assert not spec.readable or "enter" in does, f"{name} is readable: the far side must be able to enter"
            assert not spec.writable or does & {"create", "update"}, f"{name} is writable: create or update"
            assert spec.deletes == "none" or "delete" in does, f"{name} tells deletions: the far side must delete"
            if "create" in does:
                assert spec.upserts or spec.key_field, f"{name}: without upserts a create needs a key to be found by"
            assert not spec.upserts or spec.key_field, f"{name}: upserts need a key_field"
            assert "create" not in does or set(spec.near) <= set(far.sample(name, 1)), f"{name}: sample lacks `near`"
            assert far.sample(name, 1) != far.sample(name, 2), f"{name}: samples must differ"
            assert any(not every for every, _ in spec.overlaps), f"{name}: no overlap applies to each run"
            assert spec.find_lag_seconds >= 0
        unknown = set(far.without) - set(ABILITIES) - set(TROUBLES)
        unknown -= {f"{kind} {action}" for kind in TROUBLES for action in WRITTEN}
        assert not unknown, f"unknown abilities are excused: {unknown}"
        assert all(far.without.values()), "an excuse needs its reason"
        assert far.secrets or "secrets" in far.without, "name the secret that connectors are given"
        possible = set(TROUBLES) - set(far.without)
        assert len(possible) >= LEAST_TROUBLES, f"only {len(possible)} kinds of trouble can be made"

    def test_the_clock_is_aware_utc_and_does_not_go_back(self, far: FarSide) -> None:
        """Cursors and `until` are the far side's time; a naive one would be off by a zone."""
        with tools.connected(far) as connector:
            first, second = connector.clock(), connector.clock()
            assert first.tzinfo is not None, "the clock is naive"
            assert first.utcoffset() == timedelta(0), "the clock is not in UTC"
            assert first <= second

    def test_check_finds_nothing_on_a_good_day_and_changes_nothing(self, far: FarSide) -> None:
        """It runs before each start, against a live system."""
        with tools.connected(far) as connector:
            before = {stream: far.holds(stream) for stream in far.streams}
            problems = [str(problem) for problem in connector.check() if problem.fatal]
            assert not problems
            assert {stream: far.holds(stream) for stream in far.streams} == before, "check changed something"

    def test_check_tells_trouble_without_raising_or_secrets(self, far: FarSide) -> None:
        """A refused login is a problem to show, not an exception."""
        tools.needs(far, "401", "read trouble")
        with tools.connected(far) as connector, far.trouble("401", next(iter(far.streams)), of="read"):
            problems = connector.check()
        assert any(problem.fatal for problem in problems), "a refused login is not noticed"
        told = " ".join(str(problem) for problem in problems)
        assert not [secret for secret in far.secrets if secret in told], "check tells a secret"

    def test_a_connector_shows_no_secret(self, far: FarSide) -> None:
        """Its repr may end in a log."""
        with tools.connected(far) as connector:
            assert not [secret for secret in far.secrets if secret in repr(connector) + repr(vars(connector))]

    def test_close_may_come_twice_and_first(self, far: FarSide) -> None:
        """Before any call, and again."""
        connector = far.connector()
        connector.close()
        connector.close()
        connector = far.connector()
        connector.clock()
        connector.close()
        connector.close()

    def test_behind_a_shut_fence_nothing_is_sent(self, far: FarSide) -> None:
        """A run that lost its lease must not reach the far side, by no call."""

        def shut(timeout_seconds: float) -> None:
            raise errors.LeaseLost("lost")

        with tools.connected(far) as connector:
            before = {stream: far.holds(stream) for stream in far.streams}
            counts = "requests" not in far.without
            asked = far.requests() if counts else 0
            with fence.held(shut):
                for stream, spec in connector.streams.items():
                    if spec.readable:
                        with pytest.raises(errors.LeaseLost):
                            tools.pulled(far, connector, stream, None, tools.LONG_AGO)
                    if "get" in far.streams[stream].does:
                        with pytest.raises(errors.LeaseLost):
                            connector.get(stream, ["1"])
                    if "create" in far.streams[stream].does:
                        change = tools.creation(far, connector, stream, 1)
                        _all_fail(connector, stream, [change])
                        near = {name: change.fields.get(name) for name in spec.near}
                        if spec.key_field:
                            with pytest.raises(errors.LeaseLost):
                                connector.find(stream, change.key, near)
                    if "update" in far.streams[stream].does:
                        _all_fail(connector, stream, [tools.updating("1", far.sample(stream, 1))] * 3)
            assert {stream: far.holds(stream) for stream in far.streams} == before, "a write passed a shut fence"
            if counts:
                assert far.requests() == asked, "a request passed a shut fence"

    def test_each_request_asks_the_fence(self, far: FarSide) -> None:
        """Not only the first of a call: a lease can end between two pages."""
        tools.needs(far, "requests")
        checks: list[float] = []
        with tools.connected(far) as connector:
            for stream, traits in far.streams.items():
                if "enter" in traits.does:
                    far.enter(stream, [far.sample(stream, number) for number in range(3 * traits.page_size)])
                    far.pass_time(max(1.0, traits.lag_seconds))
            until = connector.clock()
            before = far.requests()
            with fence.held(checks.append):
                for stream, spec in connector.streams.items():
                    if spec.readable:
                        tools.pulled(far, connector, stream, until=until)
                    if "create" in far.streams[stream].does:
                        tools.applied(
                            connector,
                            stream,
                            [tools.creation(far, connector, stream, 50 + number) for number in range(3)],
                        )
            sent = far.requests() - before
        assert 0 < sent <= len(checks), f"{sent} requests, but the fence was asked {len(checks)} times"
        assert min(checks) > 0, "a request takes some time"


def _all_fail(connector: protocol.Connector, stream: str, changes: list[records.Change]) -> None:
    """Write behind the shut fence: LeaseLost raised, or an error for each change."""
    try:
        outcomes = connector.write(stream, changes)
    except errors.LeaseLost:
        return
    assert len(outcomes) == len(changes)
    assert all(outcome.error is not None for outcome in outcomes), "a write passed a shut fence"
