"""`syncd recordings`: files for quality assurance, whole or not at all, through the command and a real dialer."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.simulators.vicidial import audio
from tests.cli.shop import COMMAND, PATIENCE_SECONDS, Ran, Shop
from tests.vicidial.site import door

WALL = "%Y-%m-%d %H:%M:%S"
PHONES = ("7275550501", "7275550502", "7275550503")


@pytest.fixture
def qa(bare: Shop) -> Shop:
    """A shop whose dialer has links that lead to the dialer itself; nobody has made a store."""
    settings = bare.settings()
    acme = settings["clients"]["acme"]
    acme["dialer"]["recording_links"] = [{"from": "http://10.10.10.15", "to": bare.sim.url}]
    acme["time_zone"] = "America/New_York"
    bare.write(settings)
    return bare


def called(shop: Shop, *, minutes_ago: int = 30, lead_id: int = 5001, recording: Any = True, **more: Any) -> str:
    """A call; its recording's id."""
    now = datetime.strptime(door(shop.sim.url, "clock")["now"], WALL).replace(tzinfo=UTC)
    told = {"lead_id": lead_id, "user": "1001", "status": "SALE", "length_in_sec": 60, "recording": recording}
    told["call_date"] = (now - timedelta(minutes=minutes_ago)).strftime(WALL)
    door(shop.sim.url, "call", **{**told, **more})
    return str(shop.sim.world.recordings[-1].recording_id)


def fetch(shop: Shop, *more: str, since: str = "12h", to: str = "qa") -> Ran:
    return shop.syncd("recordings", "fetch", "acme", "--to", shop.folder / to, "--since", since, *more)


def requests_of_a_fetch(shop: Shop) -> int:
    """How many requests a fetch of everything makes; the last ones are for audio."""
    door(shop.sim.url, "clock", freeze=True)
    before = sum(door(shop.sim.url, "requests")["functions"].values())
    assert fetch(shop, to="other").code == 0
    return int(sum(door(shop.sim.url, "requests")["functions"].values()) - before)


def files(shop: Shop) -> dict[str, Path]:
    """The audio files by recording id."""
    found = [one for one in (shop.folder / "qa").rglob("*.wav") if one.is_file()]
    return {one.stem.rpartition("_")[2].removesuffix("-all"): one for one in found}


def manifest(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shop.folder / "qa" / "manifest.jsonl").read_text("utf-8").splitlines()]


def content(shop: Shop, number: str) -> bytes:
    (found,) = (one for one in shop.sim.world.recordings if str(one.recording_id) == number)
    return audio.content(found)


def test_recordings_go_into_folders_with_a_manifest_and_sums_that_others_can_check(qa: Shop) -> None:
    first, second = called(qa), called(qa, lead_id=5002, user="1002", length_in_sec=7)
    ran = fetch(qa)
    assert ran.code == 0, ran.err + ran.out
    found = files(qa)
    assert {number: path.read_bytes() for number, path in found.items()} == {
        first: content(qa, first), second: content(qa, second)
    }  # fmt: skip
    for path in found.values():
        assert path.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(
            r"TESTCAMP/\d{4}-\d\d-\d\d/\d{8}-\d{6}_100[12]_[\d.]+_\d+\.wav", str(path.relative_to(qa.folder / "qa"))
        )
    lines = {line["recording"]: line for line in manifest(qa)}
    assert lines[second]["lead"] == "5002"
    assert lines[first]["call"].startswith("out|")
    assert lines[first]["sha256"] == hashlib.sha256(content(qa, first)).hexdigest()
    whole = "".join(str(path) for path in (qa.folder / "qa").rglob("*")) + str(manifest(qa)) + ran.out + ran.err
    assert not any(phone in whole for phone in PHONES)
    sums = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    subprocess.run(sums, cwd=qa.folder / "qa", capture_output=True, check=True)
    assert qa.syncd("recordings", "verify", qa.folder / "qa").code == 0
    again = fetch(qa, "--json").json()
    assert (again["fetched"], again["present"], again["failed"]) == (0, 2, [])
    assert door(qa.sim.url, "requests")["functions"]["audio"] == 2


def test_verify_names_what_is_missing_or_changed_and_the_next_fetch_mends_what_it_can_see(qa: Shop) -> None:
    numbers = [called(qa, minutes_ago=minutes) for minutes in (10, 20, 30)]
    fetch(qa)
    found = files(qa)
    found[numbers[0]].unlink()
    found[numbers[1]].write_bytes(b"RIFF")
    found[numbers[2]].write_bytes(content(qa, numbers[2])[:-1] + b"x")
    ran = qa.syncd("recordings", "verify", qa.folder / "qa", "--json")
    assert ran.code == 1
    assert len(ran.json()["wrong"]) == 3
    assert fetch(qa, "--json").json()["fetched"] == 2
    assert [line["recording"] for line in manifest(qa)].count(numbers[0]) >= 1
    assert qa.syncd("recordings", "verify", qa.folder / "qa", "--json").json()["wrong"] != []
    found[numbers[2]].unlink()
    fetch(qa)
    assert qa.syncd("recordings", "verify", qa.folder / "qa").code == 0


def test_only_what_the_filters_say(qa: Shop) -> None:
    sale = called(qa, status="SALE", length_in_sec=60)
    called(qa, status="NI", minutes_ago=31)
    called(qa, status="SALE", minutes_ago=32, length_in_sec=5)
    called(qa, status="SALE", minutes_ago=33, length_in_sec=61)
    called(qa, status="SALE", minutes_ago=34, user="1002")
    called(qa, status="SALE", minutes_ago=300)
    called(qa, status="SALE", minutes_ago=35, in_group="SALESLINE")
    called(qa, status="INCALL", minutes_ago=36)
    told = ("--status", "sale", "--agent", "1001", "--campaign", "TESTCAMP", "--min-seconds", "30")
    assert fetch(qa, *told, "--max-seconds", "60", "--layout", "{agent}/{month}", since="2h").code == 0
    assert list(files(qa)) == [sale]
    assert files(qa)[sale].parent.parent.name == "1001"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--layout", "{phone}"), "there is no {phone}"),
        (("--layout", "../{date}"), "no layout of folders"),
        (("--layout", "{date"), "no layout of folders"),
        (("--until", "yesterday"), "not a time"),
        (("--until", "13h"), "--since is after --until"),
    ],
)
def test_what_cannot_be_meant_is_said(qa: Shop, given: tuple[str, ...], says: str) -> None:
    ran = fetch(qa, *given)
    assert (ran.code, says in ran.err) == (2, True), ran.err


def test_trouble_with_one_file_is_told_and_the_others_go_on(qa: Shop) -> None:
    good = called(qa, minutes_ago=10)
    bad = {
        called(qa, minutes_ago=20, recording={"audio": "missing"}): "HTTP 404",
        called(qa, minutes_ago=30, recording={"audio": "page"}): "a web page came instead of audio",
        called(qa, minutes_ago=40, recording={"audio": "login"}): "asks for a login",
        called(qa, minutes_ago=50, recording={"location": "ftp://10.10.10.15/7275550501.wav"}): "no http(s) address",
        called(qa, minutes_ago=60, recording={"location": "http://127.0.0.1:9/7275550501.wav"}): "the connection broke",
    }
    called(qa, minutes_ago=70, recording={"after_seconds": None})
    called(qa, minutes_ago=80, recording=None)
    ran = fetch(qa)
    assert ran.code == 1
    assert list(files(qa)) == [good]
    for number, why in bad.items():
        (line,) = (line for line in ran.out.splitlines() if f"_{number}." in line)
        assert why in line
    assert "1 fetched, 0 present, 1 no link, 1 no recording, 5 failed" in ran.out
    assert not any(phone in ran.out + ran.err for phone in PHONES)
    assert qa.syncd("recordings", "verify", qa.folder / "qa").code == 0


def test_a_connection_that_breaks_is_taken_up_where_it_broke(qa: Shop) -> None:
    number = called(qa, length_in_sec=400)
    door(qa.sim.url, "faults", spec=f"all.truncated@{requests_of_a_fetch(qa)}")
    ran = fetch(qa)
    assert ran.code == 0, ran.out + ran.err
    assert files(qa)[number].read_bytes() == content(qa, number)
    assert door(qa.sim.url, "requests")["functions"]["audio"] == 3


def test_killed_in_the_middle_it_takes_no_part_for_the_whole_and_goes_on(qa: Shop) -> None:
    numbers = [called(qa, minutes_ago=minutes, length_in_sec=300) for minutes in (10, 20, 30)]
    door(qa.sim.url, "faults", spec=f"all.timeout_before@{requests_of_a_fetch(qa) - 1}+")
    log = qa.folder / "fetch.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "recordings", "fetch", "acme", "--to", qa.folder / "qa", "--since", "12h"],
            env=qa.environ({}), stdout=output, stderr=output,
        )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list((qa.folder / "qa").rglob(".*.part")) or door(qa.sim.url, "requests")["in_flight"] == 0:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_SECONDS)
    (left,) = (qa.folder / "qa").rglob(".*.wav.part")
    left.write_bytes(b"RIFF and a part of the rest")
    with (qa.folder / "qa" / "manifest.jsonl").open("ab") as torn:
        torn.write(b'{"call": "out|1')
    whole = len(files(qa))
    assert whole == 1
    door(qa.sim.url, "faults", spec="")
    told = fetch(qa, "--json").json()
    assert (told["fetched"], told["present"]) == (3 - whole, whole)
    assert {number: path.read_bytes() for number, path in files(qa).items()} == {
        number: content(qa, number) for number in numbers
    }
    assert list((qa.folder / "qa").rglob("*.part")) == []
    assert qa.syncd("recordings", "verify", qa.folder / "qa").code == 0


def test_a_disk_that_is_full_is_told_per_file(qa: Shop) -> None:
    small, large = called(qa, length_in_sec=5), called(qa, minutes_ago=20, length_in_sec=500)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ran = subprocess.run(
        [COMMAND, "recordings", "fetch", "acme", "--to", qa.folder / "qa", "--since", "12h"],
        env=qa.environ({}), capture_output=True, text=True, check=False, preexec_fn=little_room,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert list(files(qa)) == [small]
    assert f"_{large}.wav: cannot be written: File too large" in ran.stdout
    assert list((qa.folder / "qa").rglob("*.part")) == []
    assert fetch(qa).code == 0
    assert set(files(qa)) == {small, large}


def test_a_folder_without_an_archive_and_one_that_cannot_be_written(qa: Shop) -> None:
    ran = qa.syncd("recordings", "verify", qa.folder / "nowhere")
    assert (ran.code, "no archive" in ran.err) == (2, True)
    (qa.folder / "qa").write_text("a file")
    assert fetch(qa).code == 2


def test_the_dialers_refusal_is_the_operators(qa: Shop) -> None:
    called(qa)
    with qa.sim.world.lock:
        qa.sim.world.users["6666"].view_reports = 0
    ran = fetch(qa)
    assert ran.code in (1, 2)
    assert "permission" in ran.out + ran.err or "may not" in ran.out + ran.err
