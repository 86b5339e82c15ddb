"""Recordings that appear late or never, and their audio."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from syncd.simulators import vicidial
from tests.simulators.asking import Door


def get(url: str, location: str, headers: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET", urlsplit(location).path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def look(door: Door, **key: str) -> list[list[str]]:
    text = door.ask("recording_lookup", header="YES", duration="Y", **key)
    return [line.split("|") for line in text.splitlines()[1:]] if text.startswith("start_time") else []


def recorded(door: Door, **recording: object) -> str:
    lead_id = door.add_lead("7275557001")
    call = door.sim("call", lead_id=lead_id, user="1001", status="SALE", length_in_sec=5, recording=recording or True)
    return str(call["uniqueid"])


def test_a_link_appears_late_never_or_with_a_recording_of_its_own(stock: Door) -> None:
    uniqueid = recorded(stock, after_seconds=600)
    ((*_, location),) = look(stock, uniqueid=uniqueid)
    assert location == ""
    stock.sim("clock", offset_seconds=601)
    ((*_, location),) = look(stock, uniqueid=uniqueid)
    assert location.endswith("-all.wav")
    lead_id = stock.add_lead("7275557002")
    uniqueid = str(stock.sim("call", lead_id=lead_id, user="1001", status="NI")["uniqueid"])
    assert look(stock, lead_id=str(lead_id)) == []
    number = stock.sim("recording", uniqueid=uniqueid, after_seconds=None)["recording_id"]
    stock.sim("clock", offset_seconds=10**6)
    assert [row[-1] for row in look(stock, lead_id=str(lead_id))] == [""]
    stock.sim("recording", recording_id=number, after_seconds=0)
    assert [row[-1] for row in look(stock, lead_id=str(lead_id))] != [""]


def test_audio_is_served_whole_and_in_parts() -> None:
    with vicidial.serve() as sim:
        door = Door(sim.url)
        ((*_, seconds, location),) = look(door, uniqueid=recorded(door))
        status, headers, whole = get(sim.url, location)
        assert (status, headers["Content-Type"], whole[:4], seconds) == (200, "audio/x-wav", b"RIFF", "5")
        assert len(whole) == 44 + 5 * 800
        status, headers, part = get(sim.url, location, {"Range": "bytes=4000-", "If-Range": headers["ETag"]})
        assert (status, part, headers["Content-Range"]) == (
            206,
            whole[4000:],
            f"bytes 4000-{len(whole) - 1}/{len(whole)}",
        )
        assert get(sim.url, location, {"Range": "bytes=0-9"})[2] == whole[:10]
        assert get(sim.url, location, {"Range": "bytes=0-9", "If-Range": '"other"'})[2] == whole
        assert get(sim.url, location, {"Range": f"bytes={len(whole)}-"})[0] == 416
        assert get(sim.url, location + "x")[0] == 404


@pytest.mark.parametrize(
    ("audio", "status", "begins"), [("missing", 404, b"<"), ("page", 200, b"<"), ("login", 401, b"<")]
)
def test_trouble_with_one_file(audio: str, status: int, begins: bytes) -> None:
    with vicidial.serve() as sim:
        door = Door(sim.url)
        ((*_, location),) = look(door, uniqueid=recorded(door, audio=audio))
        found = get(sim.url, location)
        assert (found[0], found[2][:1]) == (status, begins)
        assert door.sim("requests")["functions"]["audio"] == 1


def test_faults_of_reads_hit_audio() -> None:
    with vicidial.serve() as sim:
        door = Door(sim.url)
        ((*_, location),) = look(door, uniqueid=recorded(door))
        door.sim("faults", spec="all.truncated@1")
        with pytest.raises(http.client.IncompleteRead):
            get(sim.url, location)
        assert get(sim.url, location)[0] == 200
