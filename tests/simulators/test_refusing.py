"""A simulator that refuses connections for a while."""

from __future__ import annotations

import pytest

from syncd.sdk import errors, http
from syncd.simulators import vicidial

_FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_who_has_its_answer_is_refused_from_then_on_and_never_cut_off() -> None:
    """A connection on which an answer has just come counts as idle: it is closed before the client asks again."""
    with vicidial.serve() as sim:
        client = http.HttpClient(sim.url, connections=1)

        def ask() -> int:
            body = b"source=test&function=version"
            return client.request("POST", "/vicidial/non_agent_api.php", body=body, headers=_FORM).status

        for _ in range(150):
            assert ask() == 200
            sim.refuse_for(3600)
            with pytest.raises(errors.RetryLater):
                ask()
            sim.listen_again()
        client.close()
