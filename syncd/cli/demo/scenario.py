"""The demo's story as data: who changes, who is called, what must come of it. All expected numbers come from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.cli.demo.people import Fate, Person

CRASH_AT_LEAD = 25
CAMPAIGN, IN_GROUP = "SALES", "HOTLINE"
AGENTS = {"1001": "Alma Agent", "1002": "Ben Agent"}
NOBODY = "VDAD"  # the account on which the dialer books calls that no agent took

LIST, GERMAN_LIST, MISSING_LIST = "201", "202", "909"
STATUSES = {  # VICIdial's status → what the CRM calls it
    "SALE": "sold",
    "NI": "not interested",
    "DNC": "do not call",
    "CALLBK": "call back",
    "NA": "no answer",
    "A": "answering machine",
    "B": "busy",
    "DEC": "declined",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a person's lead, `seconds_ago` by the dialer's clock. `status` INCALL: it is still running.
    `ends_as`: what the agent, or a manager, makes of it later. `rows`: how often the stock export prints it."""

    person: str
    status: str
    seconds_ago: int
    agent: str = "1001"
    in_group: str = ""
    length: int = 30
    rows: int = 1
    ends_as: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a person in the CRM; `expect`: updated, unchanged, removed, or a fate as of a new person."""

    person: str
    fields: Mapping[str, str | bool | None]
    expect: Fate
    what: str


@dataclass(frozen=True, slots=True)
class AgentEdit:
    """A change that an agent makes to a lead; syncd must leave it alone while the CRM does not change that field."""

    person: str
    fields: Mapping[str, str] = field(default_factory=dict)


# The dialer knows this one and its call, the CRM does not.
STRANGER = {"lead_id": 900, "list_id": LIST, "phone_code": "1", "phone_number": "7275550199", "first_name": "Walk-in"}
STRANGERS_CALL = Call("", "SALE", 40, agent="1002")

# While syncd is dead, an agent calls the lead whose answer never arrived.
DURING_THE_OUTAGE = (Call("", "NI", 5, agent="1002", length=61),)

CALLS = (
    Call("C-1001", "SALE", 300, length=312),
    Call("C-1001", "NA", 20, agent=NOBODY, length=0),  # weaker and later: the sale stays
    Call("C-1002", "NI", 280, length=44),
    Call("C-1002", "INCALL", 15, agent="1002", length=0, ends_as="A"),  # running: the ended one before it counts
    Call("C-1003", "NA", 270, agent=NOBODY, length=0),
    Call("C-1003", "A", 150, agent=NOBODY, length=0),
    Call("C-1003", "CALLBK", 30, agent="1002", length=75),
    Call("C-1004", "DNC", 250, agent="1002", length=12),  # comes back as do_not_call, which takes the lead out
    Call("C-1005", "NI", 240, length=35, ends_as="SALE"),  # a manager corrects it
    Call("C-1006", "INCALL", 230, agent="1002", length=0, ends_as="DEC"),  # still running when syncd looks
    Call("A-20", "INCALL", 225, length=0, ends_as="SALE"),  # ends as a sale after a later call has been read
    Call("A-20", "NI", 25, agent="1002", length=8),
    Call("C-1007", "SALE", 220, in_group=IN_GROUP, length=401),
    Call("C-1008", "B", 210, agent=NOBODY, length=0),
    Call("C-1008", "NI", 40, in_group=IN_GROUP, agent="1002", length=90),
    Call("C-1009", "SALE", 200, length=222, rows=2),  # the stock export prints it twice
    Call("A-05", "NI", 190, length=20),
    Call("A-09", "SALE", 180, agent="1002", length=800),
    Call("A-11", "NA", 170, agent=NOBODY, length=0),
    Call("legacy/2009/00000017-b", "CALLBK", 160, length=51),
)

AGENT_EDITS = (AgentEdit("C-1010", {"city": "Salem"}),)

CHANGES = (
    Change("C-1010", {"last_name": "Jones-Smith"}, "updated", "a new name, while an agent has corrected the city"),
    Change("C-1011", {"phone": "(503) 555-0180"}, "updated", "a new phone"),
    Change("A-08", {"email": "paul+new@example.com"}, "updated", "a new e-mail with a `+`"),
    Change("A-09", {"first_name": "Jörg", "city": "Düsseldorf"}, "updated", "two fields with umlauts"),
    Change("C-1012", {"last_name": None}, "unchanged", "a name is emptied; blanks never overwrite"),
    Change("C-1013", {"do_not_call": True}, "removed", "an opt-out"),
    Change("C-1014", {"deleted": True}, "removed", "a deletion"),
    Change("C-1015", {"stage": "customer"}, "removed", "a customer now, so `where` no longer holds"),
    Change("A-03", {"phone": "727 555 0181"}, "created", "the phone that was too short is corrected"),
    Change("A-06", {"phone": "727 555 0182"}, "created", "one of the three gets a number of her own"),
    Change("A-12", {"phone": "727 555 0183"}, "created", "a number that is on no do-not-call list"),
)

NEWCOMERS = (
    Person("N-01", "Nick", "Newman", "nick@example.com", "727 555 0184", city="Tampa"),
    Person("N-02", "Nelly", "Nophone", expect="skipped:no_phone"),
    Person("N-03", "Nat", "Northrop", "nat+1@example.com", "727 555 0185", city="Tampa"),
)
