"""The contract's tests of trouble: the class of each error is true, and no error tells a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from syncd.sdk import errors, protocol, records
from syncd.sdk.testing import contract_tools as tools
from syncd.sdk.testing.contract_far import APPLIED, RETRY_AFTER_SECONDS, TROUBLES, WRITTEN, Action, FarSide, Trouble

_Classes = tuple[type[errors.SyncdError], ...]
_UNANSWERED = (errors.Ambiguous,)
# Where the server enforces upserts, a repeat is harmless once it has answered. Until then the request may still be on
# its way, and would undo what a newer one has written.
_UNCLEAR = (errors.Ambiguous, errors.RetryLater)
# What a write may become.
WRITES: Mapping[Trouble, _Classes] = {
    "401": (errors.AuthFailed,),
    "403": (errors.AuthFailed,),
    "404": (errors.Missing,),
    "409": (errors.RetryLater, errors.Rejected, errors.Ambiguous, errors.Several),
    "422": (errors.Rejected,),
    "429": (errors.RetryLater,),
    "429_after": (errors.RetryLater,),
    "quota": (errors.QuotaExhausted,),
    "busy": (errors.RetryLater,),
    "503": _UNCLEAR,
    "500_before": _UNCLEAR,
    "500_after": _UNCLEAR,
    "reset_before": _UNANSWERED,
    "reset_after": _UNANSWERED,
    "timeout_before": _UNANSWERED,
    "timeout_after": _UNANSWERED,
    "refused": (errors.RetryLater,),
    "late": _UNANSWERED,
    "cut": _UNCLEAR,
    "empty": _UNCLEAR,
}
# What a read may become.
READS: Mapping[Trouble, _Classes] = {
    "401": (errors.AuthFailed,),
    "403": (errors.AuthFailed,),
    "429": (errors.RetryLater,),
    "429_after": (errors.RetryLater,),
    "quota": (errors.QuotaExhausted,),
    "503": (errors.RetryLater,),
    "500_before": (errors.RetryLater,),
    "reset_before": (errors.RetryLater,),
    "timeout_before": (errors.RetryLater,),
    "refused": (errors.RetryLater,),
    "cut": (errors.RetryLater,),
    "empty": (errors.RetryLater,),
}


class Troubles:
    """What every connector must make of the far side's failures."""

    @pytest.mark.parametrize("wanted", WRITTEN)
    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_write_in_trouble_has_the_error_that_is_true(self, far: FarSide, kind: Trouble, wanted: Action) -> None:
        """The engine sends again what is surely not applied and looks up what may be. So an error that promises
        "not applied" must be true, however late the request takes effect."""
        tools.needs(far, kind, f"{kind} {wanted}", *(["pass_time"] if kind == "late" else []))
        if kind == "404" and wanted == "create":
            pytest.skip("nothing need be there for a create")
        for stream in tools.streams_that(far, wanted):
            with tools.connected(far) as connector:
                traits, spec = far.streams[stream], connector.streams[stream]
                change, before = _change(far, connector, stream, wanted)
                with far.trouble(kind, stream, of="write"):
                    outcomes, raised = tools.write(connector, stream, [change])
                far.pass_time(0 if "pass_time" in far.without else spec.find_lag_seconds)
                (outcome,) = outcomes
                for error in (outcome.error, raised):
                    if error is not None:
                        tools.tells_no_secret(far, error)
                is_there = any(one[traits.text] == tools.CANARY for one in far.holds(stream).values())
                if outcome.error is None:
                    assert kind in APPLIED, f"{stream}: {kind} counts as applied"
                    assert spec.upserts, f"{stream}: after {kind} nobody can know, but it counts as applied"
                    assert is_there, f"{stream}: {kind} counts as applied, but nothing is there"
                    continue
                allowed = WRITES[kind]
                if allowed is _UNCLEAR and not spec.upserts:
                    allowed = _UNANSWERED
                told = raised or outcome.error
                assert isinstance(outcome.error, allowed), (
                    f"{stream}: {kind} became {told!r}, expected {_names(allowed)}"
                )
                if not isinstance(outcome.error, errors.Ambiguous) and not spec.upserts:
                    assert not is_there, f"{stream}: {kind} became {outcome.error!r}, but it is applied"
                did = f"{stream}: the far side of the test did not do what {kind} says"
                assert is_there == (kind in APPLIED), did
                assert set(before) <= set(far.holds(stream)), did
                _details(connector, kind, outcome.error)
                outcomes, _ = tools.write(connector, stream, [_good(far, connector, stream, wanted, before)])
                assert outcomes[0].error is None, f"{stream}: after {kind} nothing passes: {outcomes[0].error!r}"

    @pytest.mark.parametrize("kind", sorted(READS))
    def test_a_read_in_trouble_has_its_error_and_loses_nothing(self, far: FarSide, kind: Trouble) -> None:
        """Reads may always be repeated. What was read before the trouble stands; the next run brings the rest."""
        tools.needs(far, kind, "read trouble")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                traits = far.streams[stream]
                rows = [far.sample(stream, number) | {traits.text: tools.CANARY} for number in range(2)]
                ids = far.enter(stream, rows)
                far.pass_time(max(1.0, traits.lag_seconds))
                until = connector.clock()  # outside: else a clock that fails would hide what the pull does
                with far.trouble(kind, stream, of="read"):
                    with pytest.raises(READS[kind]) as caught:
                        tools.pulled(far, connector, stream, until=until)
                    told: list[errors.SyncdError] = [caught.value]
                    try:
                        connector.clock()
                    except READS[kind] as by_clock:
                        told.append(by_clock)
                for error in told:
                    tools.tells_no_secret(far, error)
                    _details(connector, kind, error)
                assert set(ids) <= set(tools.pulled(far, connector, stream)), f"{stream}: {kind} loses records"

    @pytest.mark.parametrize("kind", sorted(READS))
    def test_trouble_in_the_midst_of_a_read_loses_nothing(self, far: FarSide, kind: Trouble) -> None:
        """After the first page has come. The next run goes on from the last page's cursor. A connector that had the
        other pages already may give them."""
        tools.needs(far, kind, "read trouble")
        with tools.connected(far) as connector:
            for stream in tools.readable(far, connector, "enter"):
                count = 2 * far.streams[stream].page_size + 1
                ids = far.enter(stream, [far.sample(stream, number) for number in range(count)])
                far.pass_time(max(1.0, far.streams[stream].lag_seconds))
                run = tools.pages(far, connector, stream)
                page = next(run)
                seen = {record.id for record in page.records}
                with far.trouble(kind, stream, of="read"):
                    try:
                        for page in run:
                            seen |= {record.id for record in page.records}
                    except READS[kind] as midway:
                        tools.tells_no_secret(far, midway)
                    else:
                        assert set(ids) <= seen, f"{stream}: {kind} counts as the end of what there is"
                seen |= set(tools.pulled(far, connector, stream, page.cursor))
                assert set(ids) <= seen, f"{stream}: {kind} after a page loses records"

    @pytest.mark.parametrize("kind", sorted(READS))
    def test_a_lookup_in_trouble_never_says_that_there_is_nothing(self, far: FarSide, kind: Trouble) -> None:
        """ "Not found" makes the engine send a create again: a look-up that failed must raise."""
        tools.needs(far, kind, "read trouble")
        for stream in tools.streams_that(far, "create"):
            with tools.connected(far) as connector:
                change = tools.creation(far, connector, stream, 1, **{far.streams[stream].text: tools.CANARY})
                ids = tools.applied(connector, stream, [change])
                near = {name: change.fields.get(name) for name in connector.streams[stream].near}
                with far.trouble(kind, stream, of="read"):
                    if connector.streams[stream].key_field:
                        with pytest.raises(READS[kind]) as caught:
                            connector.find(stream, change.key, near)
                        tools.tells_no_secret(far, caught.value)
                    if "get" in far.streams[stream].does:
                        with pytest.raises(READS[kind]) as caught:
                            connector.get(stream, ids)
                        tools.tells_no_secret(far, caught.value)


def _names(classes: _Classes) -> str:
    return " or ".join(one.__name__ for one in classes)


def _change(
    far: FarSide, connector: protocol.Connector, stream: str, wanted: str
) -> tuple[records.Change, Mapping[str, records.Fields]]:
    """The change that meets the trouble, and what the far side holds before it."""
    text = far.streams[stream].text
    if wanted == "create":
        return tools.creation(far, connector, stream, 1, **{text: tools.CANARY}), far.holds(stream)
    if "enter" in far.streams[stream].does:
        (there,) = far.enter(stream, [far.sample(stream, 1)])
    else:
        (there,) = tools.applied(connector, stream, [tools.creation(far, connector, stream, 1)])
    return tools.updating(there, {text: tools.CANARY}), far.holds(stream)


def _good(
    far: FarSide, connector: protocol.Connector, stream: str, wanted: str, before: Mapping[str, records.Fields]
) -> records.Change:
    if wanted == "create":
        return tools.creation(far, connector, stream, 2)
    return tools.updating(next(iter(before)), {far.streams[stream].text: "Better"})


def _details(connector: protocol.Connector, kind: Trouble, error: errors.SyncdError) -> None:
    """What an error says beside its class."""
    if isinstance(error, errors.RetryLater) and error.after_seconds is not None:
        assert error.after_seconds >= 0
    if kind == "429_after" and isinstance(error, errors.RetryLater):
        after = error.after_seconds
        assert after is not None, "Retry-After is not heeded"
        assert after >= RETRY_AFTER_SECONDS, f"Retry-After says {RETRY_AFTER_SECONDS} s, the error {after}"
    if isinstance(error, errors.QuotaExhausted):
        assert error.until.utcoffset() == timedelta(0), "`until` is aware, UTC"
        assert error.until > connector.clock(), "a budget that ends in the past would be asked again at once"
