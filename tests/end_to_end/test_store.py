"""A store that cannot be used: a full disk, another daemon, another configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from syncd.sdk import errors
from syncd.store import streams
from syncd.store.database import Database
from tests.end_to_end import dialer
from tests.end_to_end import site as sites

PEOPLE = 40


def enter_people(site: sites.Site) -> None:
    """Enough people for a store to grow by many pages."""
    for number in range(100, 100 + PEOPLE):
        site.crm.enter(str(number), name="x" * 200, email=f"{number}@example.com", phone=f"727 556 {number:04}")


def nothing_was_lost(site: sites.Site) -> None:
    """Everybody has exactly one lead, and nothing else is there."""
    found = sorted(lead["vendor_lead_code"] for lead in site.door.leads() if lead["vendor_lead_code"])
    assert found == sorted(site.crm.people())


def test_a_disk_that_fills_up_anywhere_is_told_and_loses_nothing(site: sites.Site) -> None:
    limit = 0

    def limited(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit or 2**30}")

    sa.event.listen(site.db.engine, "connect", limited)
    with site.db.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    enter_people(site)
    told = []
    for more in range(1, 200):
        site.end_lives()
        site.db.engine.dispose()
        limit = pages + more
        life = site.start()
        try:
            site.round(life)
            break
        except errors.UserError as error:
            told.append(str(error))
    assert len(told) >= 10
    (words,) = set(told)
    assert words == (
        f"{site.db.place}: the disk under the state store is full – free space; nothing was lost: "
        "the daemon goes on by itself, any other command is to be run again"
    )
    limit = 0
    site.db.engine.dispose()
    site.settle(site.start())
    nothing_was_lost(site)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_really_full_disk_is_told_and_the_same_program_goes_on_once_there_is_space(
    small_disk: Path, tmp_path: Path
) -> None:
    with sites.opened(tmp_path, f"sqlite:///{small_disk / 'syncd.db'}") as site:
        enter_people(site)
        life = site.start()
        filler = small_disk / "filler"
        free = os.statvfs(small_disk)
        filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 100_000))
        with pytest.raises(errors.UserError, match="the disk under the state store is full"):
            site.settle(life)
        filler.unlink()
        site.settle(life)
        nothing_was_lost(site)


def test_a_second_daemon_on_the_same_store_is_told_who_was_first(site: sites.Site) -> None:
    site.db.lock()
    second = Database(site.store_url)
    with pytest.raises(errors.UserError, match=rf"another syncd \(process {os.getpid()}\) is using this store"):
        second.lock()
    second.close()
    site.settle(site.start())
    nothing_was_lost(site)


def test_a_second_daemon_on_a_shared_store_leaves_a_running_stream_alone(postgres_dsn: str, tmp_path: Path) -> None:
    with sites.opened(tmp_path, postgres_dsn) as site:
        enter_people(site)
        first, second = site.start(), site.start()
        results: list[str] = []

        def meanwhile(label: str, moment: str) -> None:
            if (label, moment) == ("claim", "after") and not results:
                results.append("")
                results[0] = site.round(second)[0].result

        site.on_commit = meanwhile
        site.settle(first)
        assert results == ["busy"]
        nothing_was_lost(site)


def test_a_store_of_another_configuration_is_refused_before_anything_is_written(
    site: sites.Site, tmp_path: Path
) -> None:
    site.settle(site.start())
    other = tmp_path / "other"
    other.mkdir()
    with sites.opened(other, f"sqlite:///{other / 'syncd.db'}") as elsewhere:
        elsewhere.crm.enter("77", name="Foreign", phone="727 555 0077")
        settings = site.settings(
            crm={"url": elsewhere.sql.url}, dialer_options={"url": elsewhere.simulator.url, "user": dialer.API_USER}
        )
        with pytest.raises(errors.UserError, match="this state store belongs to another configuration") as caught:
            site.start(settings)
        assert f"clients.{sites.CLIENT}" in str(caught.value)
        assert "syncd db rebind acme" in str(caught.value)
        assert [lead["vendor_lead_code"] for lead in elsewhere.door.leads()] == [""]
    site.crm.enter("3", name="Cid", phone="727 555 0003")
    site.settle(site.start())
    nothing_was_lost(site)
    assert streams.pipeline_states(site.db, sites.CLIENT)["leads"].paused == ""
