"""The control door: holding answers, counters, accounting, and mistakes."""

import json
import threading
import time

from syncd.simulators import vicidial
from tests.simulators.asking import API, Door


def test_answers_are_withheld_from_the_nth_insert_until_released() -> None:
    with vicidial.serve() as sim:
        door, answers = Door(sim.url), []
        door.sim("faults", hold_after_writes=2)
        door.add_lead("7275555001")

        def add(number: str) -> None:
            answers.append(door.add_lead(number))

        threads = [threading.Thread(target=add, args=(f"727555500{number}",)) for number in (2, 3)]
        for thread in threads:
            thread.start()
        assert door.sim("wait", writes=3, timeout=10) == {"writes": 3, "reached": True}
        assert answers == []
        assert door.ask("lead_search", phone_number="7275555003").startswith("7275555003|1|")
        door.sim("release")
        for thread in threads:
            thread.join(10)
        assert len(answers) == 2
        assert door.add_lead("7275555004")


def test_waiting_for_more_inserts_than_come_ends_in_time() -> None:
    with vicidial.serve() as sim:
        assert Door(sim.url).sim("wait", writes=1, timeout=0.01) == {"writes": 0, "reached": False}


def test_requests_are_counted_and_a_password_in_an_address_is_noticed() -> None:
    with vicidial.serve(service_ms=50, workers=2) as sim:
        door = Door(sim.url)
        threads = [threading.Thread(target=door.add_lead, args=(f"727555600{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        deadline = time.monotonic() + 10  # the last answer may be here before the server has put it down
        while door.sim("requests")["in_flight"] and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = door.sim("requests")
        assert seen["functions"] == {"add_lead": 4}
        assert 2 <= seen["highest_in_flight"] <= 4
        assert (seen["in_flight"], seen["passwords_in_get"], seen["writes"]) == (0, 0, 4)
        door.post(API, {"function": "version", "user": "6666", "pass": "1234"}, method="GET")
        assert door.sim("requests")["passwords_in_get"] == 1


def test_the_world_counts_and_lists_what_the_server_holds(stock: Door) -> None:
    lead_id = stock.add_lead("7275557001", add_to_hopper="Y")
    stock.sim("dnc", phone_number="7275557002")
    stock.sim("edit", lead_id=lead_id, fields={"city": "Tampa", "state": "Florida"})
    world = stock.sim("world")
    assert world["counts"] == {"leads": 4, "calls": 6, "hopper": 1}
    assert "7275557002" in world["dnc"]["SYSTEM_INTERNAL"]
    assert (world["leads"][-1]["city"], world["leads"][-1]["state"]) == ("Tampa", "Fl")
    assert stock.sim("delete", lead_id=lead_id) == {"deleted": lead_id}
    assert stock.sim("world", include=["recordings"]).keys() == {"counts", "now", "writes", "recordings"}


def test_a_mistake_is_answered_with_what_is_wrong(stock: Door) -> None:
    for path, body, status, complaint in (
        ("call", {"lead_id": 1, "user": "1001", "status": "NI"}, 400, "no lead 1"),
        ("call", {"lead_id": 5001, "user": "nobody", "status": "NI"}, 400, "no user nobody"),
        ("call", {"user": "1001"}, 400, "lead_id is missing"),
        ("edit", {"lead_id": 5001, "fields": {"colour": "red"}}, 400, "no such columns to edit: colour"),
        ("faults", {"spec": "nonsense"}, 400, "no such fault"),
        ("clock", {"zone": "Mars/Base"}, 400, "unknown zone 'Mars/Base'"),
        ("redispo", {"uniqueid": "x", "status": "NI"}, 400, "no call x"),
        ("world", [], 400, "a JSON object is expected"),
        ("nonsense", {}, 404, "known are faults, release"),
    ):
        got, answer = stock.request("POST", f"/_sim/{path}", json.dumps(body))
        assert got == status, answer
        assert complaint in json.loads(answer)["error"]


def test_what_is_no_http_is_answered_with_400(stock: Door) -> None:
    assert stock.request("POST", API, "x", {"Content-Length": "abc"})[0] == 400
    assert stock.request("GET", "/elsewhere")[0] == 404
