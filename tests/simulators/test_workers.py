"""Workers with a fixed time for each request."""

import threading
import time

from syncd.simulators import vicidial
from syncd.simulators.common.workers import Workers
from tests.simulators.asking import Door

SECONDS = 0.1


def test_a_request_more_than_there_are_workers_waits_for_the_first_that_is_free() -> None:
    workers = Workers(4, 8.0)
    assert [workers.take(second) for second in (0.0, 1.0, 2.0, 3.0)] == [8.0, 9.0, 10.0, 11.0]
    assert [workers.take(4.0), workers.take(4.0)] == [16.0, 17.0]
    assert workers.take(50.0) == 58.0, "an idle worker begins at once"


def test_without_a_number_of_workers_no_request_waits_for_another() -> None:
    assert [Workers(0, 8.0).take(1.0) for _ in range(3)] == [9.0, 9.0, 9.0]


def test_the_simulator_answers_as_its_workers_can() -> None:
    ended: list[float] = []
    with vicidial.serve(service_ms=SECONDS * 1000, workers=2) as sim:
        door = Door(sim.url)
        began = time.monotonic()

        def add(number: int) -> None:
            door.add_lead(f"727555600{number}")
            ended.append(time.monotonic() - began)

        threads = [threading.Thread(target=add, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(ended) == 5
    # how late the machine wakes anybody is not looked at, only that nobody is early
    for place, seconds in enumerate(sorted(ended)):
        assert seconds >= SECONDS * (1 + place // 2)
