"""A story of a day that crash tests tell again and again: people come, change, opt out and go; agents call them.

Time is the story's: each chapter begins at its own hour, however long recovery took, so that a disturbed day can be
compared with the undisturbed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.engine import parts, run
from syncd.sdk.testing import faulty, memory
from syncd.store.database import Moment
from tests.engine import site as sites

SETTLE_ROUNDS = 2


@dataclass
class Disturbance:
    """Stops the program at one commit, or lets one write fail, once."""

    commit: tuple[int, Moment] | None = None
    faults: faulty.Faults = field(default_factory=faulty.Faults)
    commits: int = 0

    def on_commit(self, label: str, moment: Moment) -> None:
        if moment == "before":
            self.commits += 1
        if self.commit == (self.commits, moment):
            self.commit = None
            raise faulty.Crash


class Story:
    """Tells the day on one site; every crash is followed by a new life on the same store."""

    def __init__(self, site: sites.Site, disturbance: Disturbance) -> None:
        self.site = site
        self.disturbance = disturbance
        disturbance.faults.while_frozen = self.take_over
        site.on_commit = disturbance.on_commit
        self.crashes = 0
        self.life: tuple[run.Engine, parts.Client] | None = None

    def tell(self) -> dict[str, object]:
        """Tell all chapters and return what both sides hold in the end."""
        for number, chapter in enumerate(CHAPTERS):
            begins = memory.START + timedelta(hours=number)
            self.site.advance(max(0.0, (begins - self.site.now()).total_seconds()))
            chapter(self)
        self.settle()
        return self.site.picture()

    def sync(self) -> list[parts.Report]:
        """One round of all streams; after a crash, a new life runs it again."""
        while True:
            try:
                if self.life is None:
                    self.life = self.site.start(faults=self.disturbance.faults)
                engine, client = self.life
                return run.run_all(engine, [client])
            except faulty.Crash:
                self.crashes += 1
                self.life = None
                self.site.expire_leases()

    def take_over(self) -> None:
        """This life is frozen in the middle of a request; another one takes over once the lease has run out."""
        self.crashes += 1
        for _ in range(SETTLE_ROUNDS):
            self.site.expire_leases()
            self.site.advance(70)
            engine, client = self.site.start()
            run.run_all(engine, [client])
        self.life = None

    def settle(self) -> None:
        """Let recovery run: time passes, and the program with it."""
        for _ in range(SETTLE_ROUNDS):
            self.site.advance(70)
            self.sync()


def _people_arrive(story: Story) -> None:
    site = story.site
    site.person("1", first_name="Ann", phone="(727) 555-0001", email="ann+crm@example.com")
    site.person("2", first_name="Bob", phone="727 555 0002")
    site.person("3", first_name="No phone")
    site.person("4", first_name="Opted out", phone="727 555 0004", do_not_call="true")
    site.person("5", first_name="Shares", phone="7275550001")
    site.person("a person with a long id", first_name="Søren", phone="+45 32 12 34 56")
    site.advance(5)
    story.sync()


def _edits_while_in_flight(story: Story) -> None:
    site = story.site
    site.person("2", first_name="Robert")
    story.sync()
    site.advance(5)
    site.person("2", first_name="Bob")  # a revert, perhaps while the edit is in flight
    site.person("6", first_name="Late", phone="727 555 0006")
    story.sync()
    site.advance(5)
    site.person("6", first_name="Later")
    story.sync()
    story.settle()


def _agents_call(story: Story) -> None:
    site = story.site
    site.call("1", "SALE", flags="sale")
    site.dialer.put("leads", site.leads_of("1")[0].id, first_name="Annie")  # the agent was told how she likes it
    site.call("2", "NA")
    site.call("6", "DNC", flags="dnc")
    site.advance(5)
    story.sync()
    site.advance(5)
    site.call("1", "NA")  # weaker and later: SALE stays
    site.call("2", "NI")
    story.sync()


def _people_change(story: Story) -> None:
    site = story.site
    story.settle()
    site.person("1", phone="727 555 0011")
    site.person("2", do_not_call="true")
    site.crm.put("leads", "6", True)
    story.sync()
    site.advance(5)
    site.person("5", first_name="Alone now")
    story.sync()
    story.settle()


def _corrections(story: Story) -> None:
    site = story.site
    for call_id, record in list(site.dialer.table("calls").items()):
        if record.fields["status"] == "NI":
            site.dialer.put("calls", call_id, status="CALLBK", flags="callback")
    site.advance(5)
    story.sync()


CHAPTERS: tuple[Callable[[Story], None], ...] = (
    _people_arrive,
    _edits_while_in_flight,
    _agents_call,
    _people_change,
    _corrections,
)
