"""A short day at a customer's: people arrive, change, opt out and go; agents call them and correct themselves.

Crash tests tell it again and again, each time with one disturbance, and compare both far sides in the end with a calm
day. It is told anew on the same store and CRM, both emptied, with a fresh VICIdial. It names no CRM, and the pictures
of days with different ones can be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from syncd.sdk.testing import faulty
from syncd.simulators import vicidial
from syncd.store.database import Moment
from tests.end_to_end import crm, dialer, site

LONG_ID = "a person with a long id"  # in a CRM that lets people choose it
_NOT_COMPARED = frozenset({"modified", "call_key"})
_OF_A_LEAD = (
    "vendor_lead_code", "source_id", "list_id", "phone_code", "phone_number", "first_name", "email", "status",
    "called_count",
)  # fmt: skip


@dataclass
class Disturbance:
    """What happens once: faults of the dialer's or the CRM's, by their simulators' specifications; the end of the
    program at a commit; its end at a request of the CRM's, before or after that is applied, instead of `crm_fault`."""

    fault: str = ""
    crm_fault: str = ""
    commit: tuple[int, Moment] | None = None
    crm_request: tuple[int, Moment] | None = None
    commits: int = field(default=0, repr=False)
    _crm: crm.Crm = field(init=False, repr=False)

    def begin(self, place: site.Site) -> None:
        """Let it happen from now on."""
        self._crm = place.crm
        place.on_commit = self._on_commit
        place.door.ask("faults", spec=self.fault)
        place.crm.break_(self.crm_fault)
        if self.crm_request is not None:
            assert not self.crm_fault, "one or the other"
            # who is dead sends nothing any more and stores nothing: no later request gets through, no commit follows
            number, moment = self.crm_request
            place.crm.break_(f"all.reset_{moment}@{number},all.reset_before@{number + 1}+")

    def _on_commit(self, label: str, moment: Moment) -> None:
        """Count commits, and end the program at the chosen one, or at the first one after the chosen request."""
        self.commits += moment == "before"
        if self.commit == (self.commits, moment):
            self.commit = None
            raise faulty.Crash
        if self.crm_request is not None and self._crm.asked().fired:
            self._crm.break_("")
            self.crm_request = None
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
        self.disturbance.begin(self.site)
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

    def call(self, person: str, status: str, seconds_ago: int, in_group: str = "") -> None:
        """An agent calls the lead of a person; the call is remembered as "person status"."""
        lead = self.site.door.lead_of(self.site.key_of(person))
        made = self.site.door.call(lead["lead_id"], status, seconds_ago=seconds_ago, in_group=in_group)
        self.calls[f"{person} {status}"] = made

    def picture(self) -> dict[str, object]:
        """What both far systems hold, without what differs from day to day: ids, and times."""
        names = {_plain(call.at): name for name, call in self.calls.items()}
        people = self.site.crm.people()
        keys = {self.site.key_of(person): person for person in people}

        def plain(row: dict[str, object]) -> tuple[tuple[str, str], ...]:
            told = {name: _plain(value) for name, value in row.items() if value not in (None, "")}
            for name in ("last_call_at", "started_at"):
                if name in told:
                    told[name] = names[told[name]]
            if told.get("vendor_lead_code"):
                told["vendor_lead_code"] = keys[told["vendor_lead_code"]]
            return tuple(sorted((name, value) for name, value in told.items() if name not in _NOT_COMPARED))

        leads = ({name: lead[name] for name in _OF_A_LEAD} for lead in self.site.door.leads())
        return {
            "people": {person: plain(row) for person, row in people.items()},
            "leads": Counter(plain(lead) for lead in leads),
            "calls": Counter(plain(call) for call in self.site.crm.calls()),
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
    story.site.crm.delete("8")
    story.round()


CHAPTERS: tuple[Callable[[Story], None], ...] = (_people_arrive, _edits_while_in_flight, _agents_call, _people_change)


@dataclass(frozen=True, slots=True)
class Telling:
    """How a day ended. `fired`: whether its disturbance came. `requests`, `writes` (of leads), `commits`: how many;
    `of_crm`: what the CRM was asked."""

    picture: dict[str, object]
    fired: bool
    requests: int
    writes: int
    commits: int
    of_crm: crm.Asked


def tell(place: site.Site, disturbance: Disturbance, *, profile: str = "stock") -> Telling:
    """Tell the day on an empty CRM and store and with a VICIdial of its own."""
    place.forget()
    place.crm.forget()
    with vicidial.serve(dialer.state(), profile) as simulator:
        place.connect(simulator)
        wanted = replace(disturbance)
        picture = Story(place, disturbance).tell()
        asked, of_crm = place.door.ask("requests"), place.crm.asked()
        came = {
            "fault": bool(asked["faults_fired"]),
            "crm_fault": bool(of_crm.fired),
            "commit": disturbance.commit is None,
            "crm_request": disturbance.crm_request is None,
        }
        fired = all(came[name] for name in came if getattr(wanted, name))
        functions = Counter(asked["functions"])
        writes = functions["add_lead"] + functions["update_lead"]
        return Telling(picture, fired, functions.total(), writes, disturbance.commits, of_crm)
