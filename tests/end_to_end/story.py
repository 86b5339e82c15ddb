"""A short day at a customer's: people arrive, change, opt out and go; agents call them and correct themselves.

Crash tests tell it again and again, each time with one disturbance, and compare both far sides in the end with a calm
day. It is told anew on the same store and CRM, both emptied, with a fresh VICIdial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from syncd.sdk.testing import faulty
from syncd.simulators import vicidial
from syncd.store.database import Moment
from tests.end_to_end import dialer, site

LONG_ID = "a person with a long id"
_NOT_COMPARED = frozenset({"modified"})
_OF_A_LEAD = (
    "vendor_lead_code", "source_id", "list_id", "phone_code", "phone_number", "first_name", "email", "status",
    "called_count",
)  # fmt: skip


@dataclass
class Disturbance:
    """What happens once: a fault of the dialer's, by the simulator's specification, or the end of the program at a
    commit."""

    fault: str = ""
    commit: tuple[int, Moment] | None = None
    commits: int = 0

    def on_commit(self, label: str, moment: Moment) -> None:
        """Count commits, and end the program at the chosen one."""
        self.commits += moment == "before"
        if self.commit == (self.commits, moment):
            self.commit = None
            raise faulty.Crash


class Story:
    """Tells the day once."""

    def __init__(self, place: site.Site, disturbance: Disturbance) -> None:
        self.site = place
        self.disturbance = disturbance
        self.calls: dict[str, dialer.Call] = {}
        self._settings = place.settings()
        self._life: site.Life | None = None

    def tell(self) -> dict[str, object]:
        """Tell all chapters and return what both sides hold in the end, and what the store says of it."""
        self.site.on_commit = self.disturbance.on_commit
        self.site.door.ask("faults", spec=self.disturbance.fault)
        for chapter in CHAPTERS:
            chapter(self)
        self.settle()
        return self.picture()

    def round(self) -> None:
        """One round of all streams, whatever comes of it."""
        self._survive(self.site.round)

    def settle(self) -> None:
        """All that a daemon does until nothing is open; its first round comes at once, however early that is."""
        self._survive(self.site.settle)

    def _survive(self, act: Callable[[site.Life], object]) -> None:
        """Do it in this life of the program, or after a crash in the next."""
        while True:
            try:
                if self._life is None:
                    self._life = self.site.start(self._settings)
                act(self._life)
            except faulty.Crash:
                if self._life is not None:
                    self._life.end()
                self._life = None
                self.site.expire_leases()
            else:
                return

    def call(self, person_id: str, status: str, seconds_ago: int, in_group: str = "") -> None:
        """An agent calls the lead of a person; the call is remembered as "person status"."""
        lead = self.site.door.lead_of(site.key_of(person_id))
        made = self.site.door.call(lead["lead_id"], status, seconds_ago=seconds_ago, in_group=in_group)
        self.calls[f"{person_id} {status}"] = made

    def picture(self) -> dict[str, object]:
        """What both far systems hold, without what differs from day to day: ids of leads, and times."""
        names = {_plain(call.at): name for name, call in self.calls.items()}

        def plain(row: dict[str, object]) -> tuple[tuple[str, str], ...]:
            told = {name: _plain(value) for name, value in row.items() if value not in (None, "")}
            for name in ("last_call_at", "started_at"):
                if name in told:
                    told[name] = names[told[name]]
            return tuple(sorted((name, value) for name, value in told.items() if name not in _NOT_COMPARED))

        leads = ({name: lead[name] for name in _OF_A_LEAD} for lead in self.site.door.leads())
        calls = ({name: value for name, value in call.items() if name != "call_key"} for call in self.site.crm.calls())
        return {
            "people": {person_id: plain(row) for person_id, row in self.site.crm.people().items()},
            "leads": Counter(plain(lead) for lead in leads),
            "calls": Counter(plain(call) for call in calls),
            "told": self.site.told(("leads", "calls")),  # of dispositions, some calls may be read together
        }


def _plain(value: object) -> str:
    """A value as text, the same from each database: of a time its seconds in UTC, of a boolean a number."""
    if isinstance(value, datetime):
        value = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(int(value) if isinstance(value, bool) else value).removesuffix(".000000")


def _people_arrive(story: Story) -> None:
    enter = story.site.crm.enter
    enter("1", name="Ann", mobile="(727) 555-0001", email="ann+crm@example.com")
    enter(LONG_ID, name="Søren Müller", phone="727 555 0002")
    enter("3", name="No phone")
    enter("4", name="Short", phone="555 04")
    enter("5", name="Shares", phone="+1 727 555 0001")
    enter("6", name="On the list", phone=dialer.DNC_NUMBER)
    enter("7", name="In the area", phone=f"{dialer.DNC_AREA} 555 0007")
    enter("8", name="Bob", phone="727 555 0008")
    enter("9", name="Opted out", phone="727 555 0009", opted_out=True)
    story.round()


def _edits_while_in_flight(story: Story) -> None:
    change = story.site.crm.change
    change("8", name="Robert")
    story.round()
    change("8", name="Bob")  # a revert, perhaps while the edit is in flight
    change("4", phone="727 555 0004")
    story.settle()


def _agents_call(story: Story) -> None:
    story.call("1", "SALE", 50)
    story.call(LONG_ID, "NI", 40, dialer.IN_GROUP)
    story.call("4", "DNC", 30)  # comes back as a do-not-call mark, which takes the lead out of dialling
    story.round()
    story.call("1", "NA", 5)  # weaker and later: the sale stays
    story.site.door.ask("redispo", uniqueid=story.calls[f"{LONG_ID} NI"].uniqueid, status="CALLBK")
    story.settle()


def _people_change(story: Story) -> None:
    change = story.site.crm.change
    change("1", mobile="727 555 0011")
    change(LONG_ID, opted_out=True)
    change("8", deleted=True)
    story.round()


CHAPTERS: tuple[Callable[[Story], None], ...] = (_people_arrive, _edits_while_in_flight, _agents_call, _people_change)


@dataclass(frozen=True, slots=True)
class Telling:
    """How a day ended. `fired`: whether its disturbance came. `requests`, `writes` (of leads), `commits`: how many."""

    picture: dict[str, object]
    fired: bool
    requests: int
    writes: int
    commits: int


def tell(place: site.Site, disturbance: Disturbance, *, profile: str = "stock") -> Telling:
    """Tell the day on an empty CRM and store and with a VICIdial of its own."""
    place.forget()
    place.crm.run("DELETE FROM calls", "DELETE FROM people")
    with vicidial.serve(dialer.state(), profile) as simulator:
        place.connect(simulator)
        crashes = disturbance.commit is not None
        picture = Story(place, disturbance).tell()
        asked = place.door.ask("requests")
        fired = bool(asked["faults_fired"]) or (crashes and disturbance.commit is None)
        functions = Counter(asked["functions"])
        writes = functions["add_lead"] + functions["update_lead"]
        return Telling(picture, fired, functions.total(), writes, disturbance.commits)
