"""Faults to order: which request fails and how, decided by a seed or by count."""

import dataclasses
import random
import re
import threading
from collections.abc import Mapping, Sequence

# How long a fault lasts if the specification gives no seconds.
DEFAULT_SECONDS = {"refuse": 1.0, "late": 1.0, "slow": 1.0}
# Faults that any server can have, and what each does; a simulator adds its own.
KINDS = {
    "refuse": "answer, then refuse connections for SECONDS",
    "reset_before": "reset the connection, nothing applied",
    "reset_after": "apply, then reset the connection",
    "timeout_before": "never answer, nothing applied",
    "timeout_after": "apply, then never answer",
    "late": "reset the connection, apply SECONDS later",
    "error_before": "HTTP 500 without a body, nothing applied",
    "error_after": "apply, then HTTP 500 with the true body",
    "error_503": "HTTP 503 by a proxy, nothing applied",
    "truncated": "apply, then send half of the body and close",
    "slow": "wait SECONDS, then apply and answer",
    "html": "HTTP 200 with an HTML page, nothing applied",
    "html_after": "apply, then HTTP 200 with an HTML page",
    "empty": "apply, then HTTP 200 with an empty body",
}
_RULE = re.compile(
    r"(?P<all>all\.)?(?P<kind>\w+)"
    r"(?:=(?P<probability>[0-9.]+)|@(?P<count>\d+)(?P<onward>\+?))?"
    r"(?::(?P<seconds>[0-9.]+))?"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """The faults that a simulator knows: `kinds` by name with what each does. Those of `every_request` hit reads and
    writes; the others hit writes, unless the specification says `all.`."""

    kinds: Mapping[str, str]
    every_request: frozenset[str] = frozenset()


COMMON = Known(KINDS)


@dataclasses.dataclass(slots=True)
class Rule:
    """One fault: by probability, or on the `count`-th matching request (`onward`: and each later one)."""

    kind: str
    probability: float
    count: int
    onward: bool
    every_request: bool
    seconds: float
    seen: int = 0

    def fires(self, rng: random.Random) -> bool:
        """Count one matching request and decide."""
        self.seen += 1
        if self.count:
            return self.seen == self.count or (self.onward and self.seen > self.count)
        return rng.random() < self.probability


def parse(spec: str, known: Known = COMMON) -> list[Rule]:
    """Given `name=P[:SECONDS],name@N[+][:SECONDS],…` return the rules; a bare name is always.

    Raise ValueError saying which part is wrong and what is known.
    """
    return [_parse_rule(part.strip(), known) for part in spec.split(",") if part.strip()]


def _parse_rule(part: str, known: Known) -> Rule:
    match = _RULE.fullmatch(part)
    if match is None:
        raise ValueError(f"fault {part!r}: write name=PROBABILITY[:SECONDS] or name@N[+][:SECONDS]")
    kind = match["kind"]
    if kind not in known.kinds:
        raise ValueError(f"fault {part!r}: no such fault; known are {', '.join(known.kinds)}")
    try:
        probability = float(match["probability"] or 1)
        seconds = float(match["seconds"] or DEFAULT_SECONDS.get(kind, 0))
    except ValueError:
        raise ValueError(f"fault {part!r}: a number is expected") from None
    if probability > 1:
        raise ValueError(f"fault {part!r}: a probability is between 0 and 1")
    count = int(match["count"] or 0)
    if match["count"] and count < 1:
        raise ValueError(f"fault {part!r}: the first request is number 1")
    every_request = bool(match["all"]) or kind in known.every_request
    return Rule(kind, probability, count, bool(match["onward"]), every_request, seconds)


class Plan:
    """The faults in force. Requests are counted from when the specification was set."""

    def __init__(self, spec: str = "", seed: int = 0, known: Known = COMMON) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._known = known
        self.fired: dict[str, int] = {}
        self._rules: Sequence[Rule] = ()
        self.set(spec)

    def set(self, spec: str) -> None:
        """Replace the faults; raise ValueError for a wrong specification and leave the old ones."""
        rules = parse(spec, self._known)
        with self._lock:
            self._rules = rules
            self._rng = random.Random(self._seed)

    def draw(self, *, is_write: bool) -> Rule | None:
        """The fault of this request: of several that fire, the first as specified."""
        if not self._rules:
            return None
        with self._lock:
            firing = [rule for rule in self._rules if (is_write or rule.every_request) and rule.fires(self._rng)]
            if not firing:
                return None
            self.fired[firing[0].kind] = self.fired.get(firing[0].kind, 0) + 1
            return firing[0]
