"""After the account: new people and calls, a few a minute, until Ctrl-C."""

from __future__ import annotations

import itertools
import random
import signal
import threading
from types import FrameType

from syncd.cli.demo import people, scenario, story

_PAUSE_SECONDS = 6.0
_NAMES = (
    "Ada Ash", "Ben Birch", "Cleo Cedar", "Dora Dogwood", "Ernie Elm", "Fred Fir", "Gina Ginkgo", "Hugo Hazel",
    "Iris Ironwood", "Jack Juniper", "Kate Katsura", "Lars Larch", "Mona Maple", "Nils Nutmeg", "Olga Oak",
)  # fmt: skip
_STATUSES = ("NA", "A", "B", "NI", "CALLBK", "SALE")


def go_on(telling: story.Story) -> None:
    """New people and calls until Ctrl-C; each line says how long the other side took to know. What has been begun is
    ended first, so that the account stays right; a second Ctrl-C does not wait."""
    stop = threading.Event()

    def stopped(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, stopped)
    telling.say("Living on with new people and calls; Ctrl-C ends it")
    try:
        for number in itertools.count():
            if stop.wait(_PAUSE_SECONDS):
                return
            if number % 3 == 0:
                _somebody_new(telling, number // 3)
            else:
                _a_call(telling)
    finally:
        signal.signal(signal.SIGINT, before)


def _somebody_new(telling: story.Story, number: int) -> None:
    first, _, last = _NAMES[number % len(_NAMES)].partition(" ")
    # fictional numbers end at 0199; each area has a hundred of them, and 7xx areas are not used by the others
    person = people.Person(
        f"L-{number + 1:04}",
        first,
        last,
        f"{first}.{last}.{number}@example.com".lower(),
        f"+1 {720 + number // 100 % 7} 555 01{number % 100:02}",
        city="Tampa",
    )
    seconds = telling.somebody_new(person)
    telling.say(f"{first} {last} is new in the CRM and a lead {seconds:.1f} s later")


def _a_call(telling: story.Story) -> None:
    person = random.choice(sorted(telling.callable()))
    status = random.choice(_STATUSES)
    agent = scenario.NOBODY if status in ("NA", "A", "B") else random.choice(sorted(scenario.AGENTS))
    in_group = scenario.IN_GROUP if agent != scenario.NOBODY and random.random() < 0.3 else ""
    call = scenario.Call(person, status, 0, agent=agent, in_group=in_group, length=random.randint(5, 400))
    seconds = telling.one_call(call)
    direction = "calls in" if in_group else "is called"
    telling.say(f"{telling.due.people[person].first_name} {direction}: {scenario.STATUSES[status]}; "
                f"in the CRM {seconds:.1f} s later")  # fmt: skip
