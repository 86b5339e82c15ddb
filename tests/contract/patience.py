"""How long connectors of the contract's far sides wait for an answer."""

from __future__ import annotations

import pytest

_SHORT_SECONDS, _LONG_SECONDS = 0.7, 10.0


def read_seconds(request: pytest.FixtureRequest) -> float:
    """Short where the trouble of this test is that no answer comes; else so long that a busy machine is no trouble."""
    callspec = getattr(request.node, "callspec", None)
    kind = str(callspec.params.get("kind", "")) if callspec else ""
    return _SHORT_SECONDS if kind.startswith("timeout") else _LONG_SECONDS
