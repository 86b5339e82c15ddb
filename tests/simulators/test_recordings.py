"""The simulator gives every answer that was recorded from a running stock VICIdial."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import DATA, Door, Parameters, state

_ANYTHING = {"now": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "epoch": r"\d+"}
_NAME = re.compile(r"\$\{(\w+)\}")
FILES: dict[str, tuple[int, dict[str, object]]] = {
    "leads": (124, {}),
    "calls": (44, {}),
    "utf8": (8, {"use_non_latin": 1}),
    "latin": (2, {"use_non_latin": 0}),
    "http500": (3, {"raise_on_sql_errors": 1}),
    "text-utf8": (44, {"use_non_latin": 1}),
    "text-latin": (14, {"use_non_latin": 0}),
    "text-latin1": (14, {"use_non_latin": 0, "charset": "latin1"}),
    "custom": (28, {"use_non_latin": 1}),
}
CUSTOM = [
    "favorite_color VARCHAR(20)", "crm_stage VARCHAR(50)", "notes_area TEXT", "pick ENUM('red','green','blue')",
    "born DATE",
]  # fmt: skip


def _filled(parameters: Mapping[str, Any], saved: Mapping[str, str]) -> Parameters:
    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(one) for one in value]
        return _NAME.sub(lambda match: saved.get(match[1], "0"), str(value))

    return {name: fill(value) for name, value in parameters.items()}


def _pattern(response: str, saved: Mapping[str, str]) -> str:
    parts = _NAME.split(response)
    return "".join(
        re.escape(part) if number % 2 == 0 else _ANYTHING.get(part) or re.escape(saved.get(part, "<unsaved>"))
        for number, part in enumerate(parts)
    )


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_answer_is_given(name: str) -> None:
    count, system = FILES[name]
    cases = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    assert len(cases) == count
    saved: dict[str, str] = {}
    differences = []
    recorded = state(**system)
    if name == "custom":
        recorded["custom_fields"] = {"101": CUSTOM}
    with vicidial.serve(recorded) as sim:
        # Some recorded answers depend on requests having come within one second.
        sim.world.clock.freeze(frozen=True)
        door = Door(sim.url)
        for case in cases:
            status, text = door.post(
                case["path"], _filled(case["params"], saved), basic=case.get("basic") or "", method=case["method"]
            )
            for variable, pattern in case.get("save", {}).items():
                if match := re.search(pattern, text):
                    saved[variable] = match[1]
            if status != case["status"] or not re.fullmatch(_pattern(case["response"], saved), text):
                differences.append((case["name"], case["status"], case["response"], status, text))
    assert differences == []


def test_a_function_that_a_server_does_not_have_answers_as_recorded(stock: Door) -> None:
    assert stock.full("no_such_function") == (200, "ERROR: NO FUNCTION SPECIFIED\n")
