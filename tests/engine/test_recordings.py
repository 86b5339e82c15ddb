"""Recordings reach the activity of their call, late, and never anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

from syncd.core import mapping, model
from syncd.engine import run
from syncd.sdk import errors, records
from syncd.sdk.testing import faulty, memory
from syncd.store import awaited
from tests.engine import site as sites

LINK = "https://dialer.example.com/1.wav"
GIVE_UP = 5400.0


def recordings_pipeline(**more: object) -> model.Pipeline:
    rules = (
        mapping.Rule("link", ("recording_url",)),
        mapping.Rule("recorded_seconds", ("recording_length_in_sec",)),
        mapping.Rule("agent", ("user",)),
    )
    return model.Pipeline(
        client=sites.CLIENT,
        name="recordings",
        kind="recordings",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "calls"),
        fields=mapping.FieldMapping(rules),
        start="all",
        give_up=GIVE_UP,
        **more,  # type: ignore[arg-type]  # fields of Pipeline
    )


@pytest.fixture
def site(store_url: str) -> Iterator[sites.Site]:
    made = sites.Site(store_url)
    made.pipelines = (*made.pipelines[:2], recordings_pipeline())
    made.upgrade()
    made.person("1", first_name="Ann", phone="727 555 0001")
    made.advance(10)
    sync(made)
    made.advance(60)
    yield made
    made.close()


def sync(site: sites.Site, faults: faulty.Faults | None = None) -> dict[str, int]:
    """One round; what was counted on the stream of calls."""
    engine, client = site.start(faults=faults)
    reports = run.run_all(engine, [client])
    assert faults or all(report.result == "ok" for report in reports), reports
    return reports[-1].counts


def record(site: sites.Site, call_id: str, number: str = "1", **fields: str) -> None:
    """The dialer has a recording of a call."""
    site.dialer.put("recordings", number, **{"call": call_id, "url": LINK, "length_in_sec": "30", **fields})


def activity(site: sites.Site) -> records.Fields:
    (one,) = site.crm.table("calls").values()
    return one.fields


def rounds(site: sites.Site, count: int, seconds: float = 120) -> list[dict[str, int]]:
    found = []
    for _ in range(count):
        site.advance(seconds)
        found.append(sync(site))
    return found


def waiting(site: sites.Site) -> list[model.Awaited]:
    later = site.now() + timedelta(days=365)
    return awaited.due(site.db, sites.CLIENT, site.pipelines[-1], now=later, limit=99)


def decision(site: sites.Site, call_id: str) -> tuple[str, str]:
    with site.db.engine.connect() as connection:
        row = connection.exec_driver_sql(
            f"SELECT verdict, reason FROM decision WHERE pipeline = 'recordings' AND record_id = '{call_id}'"  # noqa: S608
        ).one()
    return row[0], row[1]


def test_a_link_that_appears_late_reaches_the_activity_once(site: sites.Site) -> None:
    call_id = site.call("1", "NI")
    counts = rounds(site, 1, 30)
    assert "recordings.looked_up" not in counts[0], "the first look comes two minutes after the call"
    assert activity(site)["status"] == "NI"
    rounds(site, 2)
    assert waiting(site)[0].tries == 2
    record(site, call_id, url="")
    rounds(site, 3)
    assert "link" not in activity(site), "there is a row, but no link yet"
    record(site, call_id)
    rounds(site, 10)
    assert (activity(site)["link"], activity(site)["recorded_seconds"]) == (LINK, "30")
    assert waiting(site) == []
    writes = site.crm.writes
    rounds(site, 3, 1800)
    assert site.crm.writes == writes
    assert decision(site, call_id) == ("intent", "")


def test_pauses_grow_and_what_never_appears_is_given_up_and_counted(site: sites.Site) -> None:
    call_id = site.call("1", "NI")
    counts = rounds(site, int(GIVE_UP // 300) + 20, 300)
    looks = [number for number, one in enumerate(counts) if one.get("recordings.looked_up")]
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert gaps == sorted(gaps)
    assert len(looks) < 14
    assert decision(site, call_id) == ("skip", "no_recording")
    assert waiting(site) == []
    assert sum(one.get("recordings.skip.no_recording", 0) for one in counts) == 1


def test_nothing_is_created_and_a_call_waits_for_its_activity(site: sites.Site) -> None:
    call_id = site.call("1", "NI")
    record(site, call_id)
    engine, client = site.start()
    site.advance(300)
    engine.run_stream(client, model.Side("dialer", "calls"))
    assert len(site.crm.table("calls")) == 1
    assert activity(site)["link"] == LINK
    site.pipelines = site.pipelines[2:]  # nobody makes activities any more
    second = site.call("1", "NI")
    record(site, second, "2")
    rounds(site, 3)
    assert len(site.crm.table("calls")) == 1
    assert decision(site, second) == ("skip", "awaited")
    rounds(site, 2, GIVE_UP)
    assert decision(site, second) == ("skip", "no_activity")


def test_a_link_that_no_browser_opens_and_an_unclear_answer_are_a_persons(
    site: sites.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = site.call("1", "NI")
    record(site, call_id, url="file:///var/spool/1.wav")
    rounds(site, 2)
    assert decision(site, call_id) == ("hold", "link")
    assert "link" not in activity(site)
    site.advance(3600)
    second = site.call("1", "NI")
    unclear = [errors.RetryLater("recording_lookup gives an answer that is not understood")]
    monkeypatch.setattr(memory.MemoryDialer, "recordings", lambda self, calls: unclear * len(calls))
    counts = rounds(site, 3)
    assert sum(one.get("recordings.look_failed", 0) for one in counts) >= 1
    assert decision(site, second) == ("skip", "awaited"), "an unclear answer is no answer"
    rounds(site, 3, GIVE_UP / 2)
    assert decision(site, second) == ("hold", "unclear")


def test_the_longest_of_several_recordings_and_only_once_all_have_links(site: sites.Site) -> None:
    call_id = site.call("1", "NI")
    record(site, call_id, "1", length_in_sec="5")
    record(site, call_id, "2", url="", length_in_sec="25")
    rounds(site, 4)
    assert "link" not in activity(site)
    record(site, call_id, "2", url=LINK + "?2", length_in_sec="25")
    rounds(site, 10)
    assert activity(site)["link"] == LINK + "?2"


def test_at_most_so_many_calls_are_looked_up_in_one_run_the_newest_first(site: sites.Site) -> None:
    site.pipelines = (*site.pipelines[:2], recordings_pipeline(per_run=2))
    calls = [site.call("1", "NI") for _ in range(5)]
    for number, call_id in enumerate(calls):
        record(site, call_id, str(number), url=f"{LINK}?{number}")
    site.advance(300)
    found = [sync(site), *rounds(site, 2)]
    assert [one.get("recordings.looked_up") for one in found] == [2, 2, 1]
    assert {one.fields["link"] for one in site.crm.table("calls").values()} == {f"{LINK}?{n}" for n in range(5)}


def test_a_crash_at_any_commit_ends_as_a_calm_day_does(site: sites.Site) -> None:
    def day(crash_at: int) -> int:
        """A day from its beginning, with a crash before or after a commit; how many such moments there were."""
        site.forget()
        site.person("1", first_name="Ann", phone="727 555 0001")
        site.advance(10)
        sync(site)
        record(site, site.call("1", "NI"))
        site.advance(300)
        seen = 0

        def moment(label: str, moment: object) -> None:
            nonlocal seen
            seen += 1
            if seen == crash_at:
                raise faulty.Crash

        site.on_commit = moment
        try:
            sync(site)
        except faulty.Crash:
            site.expire_leases()
        site.on_commit = lambda label, moment: None
        rounds(site, 2)
        assert activity(site)["link"] == LINK, crash_at
        assert waiting(site) == []
        return seen

    moments = day(0)
    assert moments > 10
    every = 1 if site.url.startswith("sqlite") else 3  # each costs three times as much there
    for crash_at in range(1, moments + 1, every):
        day(crash_at)


@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "crash_before", "crash_after", "refused"])
def test_a_write_whose_answer_is_lost_is_made_good(site: sites.Site, kind: faulty.Kind) -> None:
    call_id = site.call("1", "NI")
    rounds(site, 1, 30)
    record(site, call_id)
    site.advance(200)
    try:
        sync(site, faulty.Faults(kind, 1))
    except faulty.Crash:
        site.expire_leases()
    rounds(site, 3)
    assert activity(site)["link"] == LINK
    assert len(site.crm.table("calls")) == 1
