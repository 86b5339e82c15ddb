"""A mapping that changed: records that do not change themselves are not read again, so the operator is told how to."""

from __future__ import annotations

from datetime import timedelta

from syncd.core import model
from syncd.store import streams

_CALLS_BACK = "30d"  # of a dialer, whose first read of everything ends somewhere as well


def command(client: str, pipe: model.Pipeline, state: streams.PipelineState) -> str:
    """The backfill that reads again what this pipeline has read with another mapping, condition or opt-out mark than
    it has now; "" where there is nothing of the kind. It is told until a backfill of the pipeline up to now is done,
    however far back that one goes."""
    if state.version in ("", pipe.version) or pipe.kind == "dnc":  # which looks at every lead again by itself
        return ""
    begun = state.started_at or model.EPOCH
    if begun == model.EPOCH and pipe.source.role == "dialer":
        since = _CALLS_BACK
    else:
        since = (begun - timedelta(microseconds=begun.microsecond)).isoformat().replace("+00:00", "Z")
    return f"syncd backfill {client} {pipe.name} --since {since}"
