"""The demo's people: 60 rows of a small company's CRM, the awkward ones of real life among them, each with its fate.

All numbers are from the ranges that are reserved for fiction (555-01xx, Ofcom's and the Bundesnetzagentur's).
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTRIES = {"United States": "US", "Germany": "DE", "United Kingdom": "GB"}
# What must become of a person once syncd has looked at it: "created", or "skipped:" or "held:" with syncd's reason.
Fate = str

SYSTEM_DNC = ("7275550113", "999XXXXXXX")  # the dialer's own do-not-call list: a number, and a whole area code
CAMPAIGN_DNC = ("7275550114",)


@dataclass(frozen=True, slots=True)
class Person:
    """A row of the CRM. `dials`: calling code and national number of the lead, where they are not the last ten digits
    of the phone; `expect`: its fate after the first round; `about`: what is awkward about it."""

    id: str
    first_name: str
    last_name: str = ""
    email: str = ""
    phone: str | None = None
    mobile: str | None = None
    country: str | None = "United States"
    city: str | None = None
    stage: str = "open"
    notes: str | None = None
    do_not_call: bool = False
    deleted: bool = False
    expect: Fate = "created"
    about: str = ""
    dials: tuple[str, str] | None = None

    def number(self) -> tuple[str, str]:
        """The calling code and national number that its lead is to have."""
        digits = "".join(filter(str.isdigit, (self.mobile or "").strip() or self.phone or ""))
        return self.dials or ("1", digits[-10:])


_PLAIN = (
    "Ann Berg", "Bob Cole", "Cara Diaz", "Dan Ellis", "Eve Ford", "Fay Grant", "Gus Hale", "Hal Irwin", "Ida Jones",
    "Jay Klein", "Kim Lane", "Leo Marsh", "Mia Nash", "Ned Otis", "Ola Price", "Pam Quinn", "Ron Reed", "Sue Stone",
    "Tom Tate", "Uma Udall", "Vic Vance", "Wes Ward", "Xia Xu", "Yan York", "Zoe Zane", "Abe Adler", "Bea Boyd",
    "Cal Cobb", "Dee Dunn", "Eli East", "Flo Fox", "Gil Gray", "Hope Hill", "Ian Ives", "Joy Judd",
)  # fmt: skip
_AREAS = ("212", "303", "312", "415", "503", "617", "702")
_CITIES = ("New York", "Denver", "Chicago", "San Francisco", "Portland", "Boston", "Las Vegas")


def plain(index: int, name: str) -> Person:
    """Somebody without anything special; `index` makes id and number."""
    first, _, last = name.partition(" ")
    area = _AREAS[index % len(_AREAS)]
    return Person(
        id=f"C-{1001 + index}",
        first_name=first,
        last_name=last,
        email=f"{first}.{last}@example.com".lower(),
        phone=f"({area}) 555-01{index:02}",
        city=_CITIES[index % len(_CITIES)],
    )


AWKWARD = (
    Person("A-01", "Nora", "Nophone", "nora@example.com", expect="skipped:no_phone", about="no phone"),
    Person("A-02", "Blake", "Blank", phone="   ", mobile="", expect="skipped:no_phone", about="a phone of blanks"),
    Person("A-03", "Shorty", "Short", phone="555-01", expect="held:phone", about="a phone that is too short"),
    Person("A-04", "Nat", "Notyet", phone="ask her", expect="held:phone", about="a phone that is none"),
    Person("A-05", "Sam", "Shared", phone="+1 727 555 0101", about="the first of three with one number"),
    Person("A-06", "Sara", "Shared", phone="727-555-0101", expect="held:shared_phone", about="the second of them"),
    Person("A-07", "Sid", "Shared", phone="7275550101", expect="held:shared_phone", about="the third of them"),
    Person("A-08", "Paul", "Plus", "paul+crm@example.com", phone="727.555.0102", about="`+` in the e-mail"),
    Person("A-09", "Jürgen", "Müßig", phone="+49 (0)30 23125-017", country="Germany", city="Köln",
           dials=("49", "3023125017"), about="umlauts, and a German number as Germans write it"),
    Person("A-10", "Smiley", "Jones", phone="727 555 0103", notes="likes 🎉 and ☕", about="emoji"),
    Person("A-11", "Wolfeschlegelsteinhausenbergerdorffwelche", "Blaine-Featherstonehaugh-Cholmondeley-Ma",
           phone="727 555 0104", about="names of 40 letters; the dialer keeps 30"),
    Person("A-12", "Dora", "Donotcall", phone="727 555 0113", expect="skipped:dnc", about="on the do-not-call list"),
    Person("A-13", "Nina", "Ninenine", phone="(999) 555-0100", expect="skipped:dnc", about="its area code is on it"),
    Person("A-14", "Cam", "Campaign", phone="727 555 0114", expect="skipped:campaign_dnc",
           about="on the campaign's own list"),
    Person("A-15", "Otto", "Optout", phone="727 555 0105", do_not_call=True, expect="skipped:opt_out",
           about="opted out in the CRM"),
    Person("A-16", "Gone", "Girl", phone="727 555 0106", deleted=True, expect="skipped:deleted",
           about="deleted in the CRM"),
    Person("A-17", "Curt", "Customer", phone="727 555 0107", stage="customer", expect="skipped:where",
           about="a customer already; `where` takes open ones"),
    Person("A-18", "Atlas", "Atlantis", phone="727 555 0108", country="Atlantis", expect="held:unmapped",
           about="a country that the mapping does not know"),
    Person("A-19", "Lost", "List", phone="727 555 0109", city="Nowhere", expect="held:rejected",
           about="routed to a list that VICIdial does not have"),
    Person("A-20", "Mo", "Mobile", phone="727 555 0110", mobile="+1 (727) 555-0111", about="two numbers"),
    Person("A-21", "Lynn", "O'Neill; \"Lin\"", phone="727 555 0112",
           notes="back\\slash, | bar; 100 % # sure?\nsecond line",
           about="characters that VICIdial drops, escapes or uses itself"),
    Person("A-22", "Nicola", "London", phone="+44 20 7946 0958", country="United Kingdom", dials=("44", "2079460958"),
           about="a number from abroad"),
    Person("legacy/2009/00000017-b", "Old", "Id", phone="727 555 0115",
           about="an id that is too long for the dialer"),
    Person("A-24", "Null", "", email="", phone="727 555 0116", country=None, about="hardly any field at all"),
    Person("A-25", "=1+1", "'; DROP TABLE vicidial_list; --", phone="727 555 0117", about="a name that is code"),
)  # fmt: skip


def _mixed() -> tuple[Person, ...]:
    """Everybody in the order in which they were entered: now an awkward one, now some plain ones."""
    ordinary = [plain(index, name) for index, name in enumerate(_PLAIN)]
    mixed: list[Person] = []
    for index, person in enumerate(AWKWARD):
        mixed += ordinary[index * len(ordinary) // len(AWKWARD) : (index + 1) * len(ordinary) // len(AWKWARD)]
        mixed.append(person)
    return tuple(mixed)


PEOPLE = _mixed()
