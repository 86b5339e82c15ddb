"""What a disposition means: its flags, from the configuration, VICIdial's status tables, or what VICIdial ships.

VICIdial has nine flags of a status, system-wide (vicidial_statuses) and by campaign (vicidial_campaign_statuses); four
words more are ours: `live` and `retry`, and `callback` and `machine` as short names of two of VICIdial's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import structlog

from syncd.sdk import errors

_LOG = structlog.get_logger(__name__)

COLUMNS = (
    "human_answered", "sale", "dnc", "customer_contact", "not_interested", "unworkable", "scheduled_callback",
    "completed", "answering_machine",
)  # fmt: skip
HOLD = "hold"  # the engine's word: nobody has said what the status means, a person must
_TWINS = (("callback", "scheduled_callback"), ("machine", "answering_machine"))
WORDS = (*COLUMNS, "callback", "machine", "retry", "live")
Words: TypeAlias = frozenset[str]
Own: TypeAlias = Mapping[str, str | Mapping[str, str]]
EVERYWHERE = "*"  # instead of a campaign's id

_NONE: Words = frozenset()
_PERSON = "human_answered"
# Statuses of a fresh installation by their flags (MySQL_AST_CREATE_tables.sql, trunk 3884).
_SHIPPED: Mapping[str, str] = {
    "SALE": f"{_PERSON} sale completed",
    "DNC": f"{_PERSON} dnc completed",
    **dict.fromkeys(("DNCL", "DNCC"), "dnc completed"),
    "NI": f"{_PERSON} customer_contact not_interested",
    **dict.fromkeys(("CALLBK", "CBHOLD", "QCFAIL"), f"{_PERSON} customer_contact scheduled_callback"),
    **dict.fromkeys(("DEC", "XFER"), f"{_PERSON} customer_contact"),
    **dict.fromkeys(("DC", "ADC", "AFAX"), "unworkable"),
    **dict.fromkeys(("A", "AM", "AL"), "answering_machine"),
    "MLINAT": f"{_PERSON} completed",
    **dict.fromkeys(
        ("DROP", "XDROP", "PDROP", "NP", "RQXFER", "TIMEOT", "AFTHRS", "NANQUE", "IQNANQ", "IVRXFR", "SVYCLM", "MAXCAL",
         "LRERR"),
        _PERSON,
    ),
    **dict.fromkeys(
        ("NEW", "QUEUE", "INCALL", "DISPO", "NA", "AA", "AB", "B", "N", "PU", "PM", "ERI", "SVYEXT", "SVYVM", "SVYHU",
         "SVYREC", "QVMAIL", "ADCT", "LSMERG", "DAIR", "ADAIR"),
        "",
    ),
}  # fmt: skip
# What none of VICIdial's flags says; the site's tables do not change it.
_OURS: Mapping[str, Words] = {
    **dict.fromkeys(("INCALL", "QUEUE", "DISPO"), frozenset({"live"})),
    **dict.fromkeys(("NA", "AB", "B", "N", "DROP", "PDROP", "ADCT"), frozenset({"retry"})),
    "AA": frozenset({"machine"}),
}


class Told:
    """The site's status tables, as read: (campaign, status) → flags; the campaign is EVERYWHERE for a system status."""

    def __init__(self, rows: Mapping[tuple[str, str], Words]) -> None:
        self._rows = rows
        self._campaigns: dict[str, list[Words]] = {}
        for (campaign, status), words in rows.items():
            if campaign != EVERYWHERE:
                self._campaigns.setdefault(status, []).append(words)

    def of(self, status: str, campaign: str) -> Words | None:
        """The flags of a status in a campaign; None for one that is in neither table. A do-not-call mark of the system
        status counts in each campaign. Where the campaign is none that defines the status (an in-group, whose calls
        agents of any campaign take), one campaign's do-not-call mark is enough, of other flags all must agree."""
        system, own = self._rows.get((EVERYWHERE, status)), self._rows.get((campaign, status))
        if own is not None:
            return own | (system & {"dnc"} if system else _NONE)
        if system is not None:
            return system
        others = self._campaigns.get(status)
        if not others:
            return None
        return frozenset.intersection(*others) | (frozenset.union(*others) & {"dnc"})

    def anywhere(self, status: str) -> list[Words]:
        """All definitions of a status."""
        system = self._rows.get((EVERYWHERE, status))
        return [*self._campaigns.get(status, []), *([] if system is None else [system])]


NOTHING_TOLD = Told({})


class Flags:
    """The flags of statuses. `own`: the option status_flags. `read`: reads the site's tables, where it may."""

    def __init__(self, own: Own, read: Callable[[], Told] = lambda: NOTHING_TOLD, *, unknown: str = "pass") -> None:
        self._own: dict[tuple[str, str], Words] = {}
        for status, said in own.items():
            by_campaign = {EVERYWHERE: said} if isinstance(said, str) else said
            self._own |= {(campaign, status): frozenset(words.split()) for campaign, words in by_campaign.items()}
        self._read = read
        self._unknown = HOLD if unknown == "hold" else ""
        self._reported: set[tuple[str, str]] = set()

    def of(self, status: str, campaign: str) -> str:
        """The flags of a call's status, sorted and separated by spaces; an unknown status is reported once.

        Raises AuthFailed, RetryLater where the site's tables are to be read and cannot be."""
        told = self._read()
        words = self._words(status, campaign, told)
        if words is None:
            self.report(status, campaign)
            return self._unknown
        return " ".join(sorted(words))

    def is_known(self, status: str, campaign: str) -> bool:
        """Whether anybody has said what a status means. Raises as `of`."""
        return self._words(status, campaign, self._read()) is not None

    def report(self, status: str, campaign: str) -> None:
        """Say once that nobody has said what a status means."""
        if (status, campaign) not in self._reported:
            self._reported.add((status, campaign))
            _LOG.warning("status_unknown", status=status, campaign=campaign, fix="say in `status_flags` what it means")

    def of_lead(self, status: str) -> str:
        """As `of`, for the status of a lead, whose campaign is not known: a do-not-call mark in one campaign is enough,
        of other flags all campaigns must agree. An unknown status has none."""
        means, marks = self._everywhere(status, self._read())
        if not means:
            return ""
        words = frozenset.intersection(*means) | (frozenset.union(*marks) & {"dnc"})
        return " ".join(sorted(words))

    def anywhere(self, status: str) -> Words:
        """The flags that a status has in at least one campaign. Raises as `of`."""
        return frozenset[str]().union(*self._everywhere(status, self._read())[0])

    def standing(self, status: str) -> Literal["dnc", "maybe", "no"]:
        """Whether a lead's status is a do-not-call mark, whatever its campaign; `maybe` where it is one in some of them
        only, or where the site's tables cannot be read and nothing else tells."""
        try:
            told = self._read()
        except errors.SyncdError:
            if status not in _SHIPPED and not any(one == status for _, one in self._own):
                return "maybe"
            told = NOTHING_TOLD
        _, marks = self._everywhere(status, told)
        marked = sum("dnc" in words for words in marks)
        return "no" if not marked else "dnc" if marked == len(marks) else "maybe"

    def taken_back(self) -> list[str]:
        """The statuses whose do-not-call mark in the site's tables the option leaves out, which has no effect."""
        told = self._read()
        return sorted(
            {
                status
                for (campaign, status), words in self._own.items()
                if "dnc" not in words and "dnc" in (told.of(status, campaign) or _NONE)
            }
        )

    def _everywhere(self, status: str, told: Told) -> tuple[list[Words], list[Words]]:
        """What a status means in the campaigns that define it: by whoever has the last word, and by all who have said
        something, for a do-not-call mark of any of them counts."""
        own = [_twinned(words, own=True) for (_, one), words in self._own.items() if one == status]
        ours = _OURS.get(status, _NONE)
        site = [_twinned(words | ours, own=False) for words in told.anywhere(status)]
        if not own and not site and status in _SHIPPED:
            site = [_twinned(_shipped(status), own=False)]
        return own or site, own + site

    def _words(self, status: str, campaign: str, told: Told) -> Words | None:
        site = told.of(status, campaign)
        own = self._own.get((campaign, status), self._own.get((EVERYWHERE, status)))
        if own is not None:  # what VICIdial must not call, nobody talks it into
            return _twinned(own | (site & {"dnc"} if site else _NONE), own=True)
        if site is not None:
            return _twinned(site | _OURS.get(status, _NONE), own=False)
        return _twinned(_shipped(status), own=False) if status in _SHIPPED else None


def _shipped(status: str) -> Words:
    return frozenset(_SHIPPED[status].split()) | _OURS.get(status, _NONE)


def _twinned(words: Words, *, own: bool) -> Words:
    """The words with the other name of those that have two. `own`: a person wrote them, maybe by the short name."""
    for short, long in _TWINS:
        if long in words or (own and short in words):
            words |= {short, long}
    return words


def check_words(said: str) -> str:
    """Given flags separated by spaces, return them; raise ValueError for a word that is no flag."""
    for word in said.split():
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(WORDS)}"
            raise ValueError(f"no flag of that name, {hint}")
    return said
