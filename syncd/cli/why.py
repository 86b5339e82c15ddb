"""`syncd why`: the whole story of a record on both sides, and why it is not being dialled now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import cyclopts

from syncd.cli import output
from syncd.cli import session as sessions
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.engine import subjects
    from syncd.engine import why as whys
    from syncd.engine.sides import Crm, Lead

FOUND, UNKNOWN = 0, 1
_STANDARD_INPUT = "-"
_HEADS = {
    "prevents": "not dialled, because",
    "delays": "not dialled yet, because",
    "unknown": "cannot be seen",
    "fine": "looked at and fine",
}


def mount(app: cyclopts.App) -> None:
    """Add the command."""
    sessions.add(app, why)


def why(
    client: str,
    subject: Annotated[str, cyclopts.Parameter(allow_leading_hyphen=True)],
    /,
    *,
    as_: Annotated[Literal["crm", "lead", "call", "phone"] | None, cyclopts.Parameter(name="--as")] = None,
    show: bool = False,
    offline: bool = False,
    session: sessions.Given,
) -> int:
    """Tell the whole story of a record: read, mapped, skipped or held and why, screened, created, updated, called,
    written back; how both sides hold it now; and why it is not being dialled.

    Changes nothing. Other users of this machine can read arguments: give `-` for a phone number, and the number on
    standard input. Exit code 1 if nobody knows anything about it.

    Example: syncd why acme 00Q5e00000A1b2CEAR

    Parameters
    ----------
    client
        The client.
    subject
        An id of the CRM, of a lead or of a call, or a phone number; `-` reads them from standard input, one a line.
    as_
        What it is meant as; else whatever the store knows by it: a CRM id before a call before a lead before a phone.
    show
        Show phone numbers and values of fields, too: personal data.
    offline
        Ask neither the CRM nor the dialer.
    """
    if subject.startswith("--"):
        raise errors.UserError(
            [errors.Problem(f"Unknown option: {subject}", fix="`syncd why --help` shows what there is")]
        )
    settings = session.settings()
    from syncd.daemon import setup
    from syncd.engine import subjects
    from syncd.engine import why as whys
    from syncd.engine.run import Engine
    from syncd.store import streams

    setup.named(client, settings.clients, "client")
    zone_name = settings.clients[client].time_zone
    zone = ZoneInfo(zone_name) if zone_name else None
    texts = _read() if subject == _STANDARD_INPUT else [subject]
    with session.store(settings) as db, setup.clients(settings, [client], db=db) as clients:
        streams.bound(db, client, clients[0].identity)
        finder = subjects.Finder(db, clients[0], offline=offline)
        looker = whys.Looker(Engine(db), clients[0], offline=offline)
        told = []
        for line, text in enumerate(texts, 1):
            meant = finder.find(text, as_)
            if subject != _STANDARD_INPUT and meant.kind == "phone":
                _warn(client)
            one = _Telling(client, line if subject == _STANDARD_INPUT else None, meant, looker, zone, show=show)
            one.say(session.out)
            told.append(one.result())
    session.out.result({"client": client, "asked": told})
    return FOUND if all(one["found"] for one in told) else UNKNOWN


def _read() -> list[str]:
    if sys.stdin.isatty():
        sys.stderr.write("Ids or numbers, one a line; end with Ctrl-D:\n")
    texts = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if not texts:
        raise errors.UserError([errors.Problem("nothing was given", fix="standard input: an id or a number a line")])
    return texts


def _warn(client: str) -> None:
    output.problems(
        [
            errors.Problem(
                "other users of this machine can read a number among the arguments",
                fix=f"`syncd why {client} -` reads it from standard input",
                fatal=False,
            )
        ]
    )


class _Telling:
    """What one text means, as text and as JSON."""

    def __init__(
        self,
        client: str,
        line: int | None,
        meant: subjects.Meant,
        looker: whys.Looker,
        zone: ZoneInfo | None,
        *,
        show: bool,
    ) -> None:
        self._client, self._line, self._meant, self._zone, self._show = client, line, meant, zone, show
        self._wholes = [looker.record(one, meant.calls) for one in meant.records]
        self._wholes += [looker.lead(one) for one in meant.leads]
        self._calls = [] if self._wholes else [looker.call(one) for one in meant.calls]

    def say(self, out: output.Output) -> None:
        place = f"line {self._line}: " if self._line is not None else ""
        meant = self._meant
        if not meant.is_known:
            out.line(f"{place}nobody knows anything about it")
            for one in meant.looked:
                out.line(f"  {one}")
            out.line()
            return
        out.line(f"{place}taken as {_KINDS[meant.kind or 'crm']}" + self._also())
        for one in meant.looked if meant.kind == "phone" else ():
            out.line(f"  {one}")
        if meant.dnc_lists is not None:
            lists = ", ".join(meant.dnc_lists)
            out.line(
                f"  the number is on the do-not-call lists {lists}"
                if lists
                else "  the number is on no do-not-call list"
            )
        from syncd.cli import why_words
        from syncd.daemon import redact

        for intent in meant.by_hand:
            for entry in why_words.of_intent(intent, ""):
                out.line(f"  {why_words.moment(entry.at, self._zone)}  {entry.pipeline}  {redact.text(entry.said)}")
        for call in self._calls:
            out.line(f"call {call.story.id} belongs to no CRM record that is known")
            for entry in why_words.of_call(call, "the call"):
                out.line(f"  {why_words.moment(entry.at, self._zone)}  {entry.pipeline:<12}  {entry.said}")
        out.line()
        for whole in self._wholes:
            self._say(out, whole)

    def _also(self) -> str:
        also = self._meant.also
        if not also:
            return ""
        others = " and ".join(f"{_KINDS[one]} (`--as {one}`)" for one in also)
        return f"; it is {others} of another record, too"

    def _say(self, out: output.Output, whole: whys.Whole) -> None:
        from syncd.cli import why_words

        lead = f"lead {whole.lead.id}" if whole.lead else "no lead"
        name = f"CRM record {whole.story.crm_id}, {lead}" if whole.story else lead
        out.line(f"{self._client}: {name}")
        out.line("what happened:")
        entries = why_words.told(whole)
        for entry in entries:
            out.line(f"  {why_words.moment(entry.at, self._zone)}  {entry.pipeline:<12}  {entry.said}")
        if not entries:
            out.line("  nothing that syncd knows of")
        for number, call in enumerate(whole.calls, 1):
            activity = f", in the CRM {call.story.activity}" if call.story.activity else ""
            out.line(f"  call {number} is {call.story.id}{activity}")
        if whole.calls_trouble:
            out.line(f"  calls that are not told here: {whole.calls_trouble}")
        out.line("now:")
        for text in [*self._crm(whole), *self._lead(whole.lead)]:
            out.line(f"  {text}")
        kept = False
        for state, head in _HEADS.items():
            found = [one for one in whole.circumstances if one.state == state]
            kept = kept or (bool(found) and state in ("prevents", "delays"))
            if state == "unknown" and not kept:
                out.line("nothing that can be seen keeps it from being dialled")
            if found:
                out.line(f"{head}:")
            for one in found:
                out.line(f"  {one.said}")
                if one.fix and state != "fine":
                    out.line(f"    → {one.fix}")
        out.line()

    def _crm(self, whole: whys.Whole) -> Iterator[str]:
        from syncd.cli import why_words

        crm = whole.crm
        if whole.story is None:
            return
        changed = f", changed {why_words.moment(crm.modified, self._zone)}" if crm.modified else ""
        states = {"there": "there", "gone": "gone", "left": "outside of what the connector selects"}
        yield f"CRM: {states[crm.state]}{changed}" if crm.state != "unknown" else f"CRM: not known: {crm.trouble}"
        if phone := self._phone(crm):
            yield f"CRM: phone {phone}"
        for one in crm.conditions:
            fields = f" ({', '.join(one.fields)})" if one.fields else ""
            yield f"CRM: `{one.name}` {'holds' if one.holds else 'does not hold'}{fields}"
        if crm.state != "unknown" and crm.trouble:
            yield f"CRM: {crm.trouble}"
        if crm.verdict == "none":
            yield "CRM: nothing of it differs from what both sides last agreed on"
        elif crm.verdict:
            fields = f" of {', '.join(crm.differing)}" if crm.verdict == "update" and crm.differing else ""
            reason = f" ({why_words.reason(crm.reason)})" if crm.reason else ""
            since = (
                " – but it has not changed since that was last done, and is not planned again" if crm.unchanged else ""
            )
            yield f"CRM: as it is now, this is planned: {crm.verdict}{fields}{reason}{since}"

    def _phone(self, crm: Crm) -> str:
        number = crm.phone
        return number if self._show or not number else masked(number)

    def _lead(self, lead: Lead | None) -> Iterator[str]:
        if lead is None:
            yield "dialer: there is no lead"
            return
        if lead.state != "there":
            told = "gone" if lead.state == "gone" else f"not known: {lead.trouble}"
            yield f"dialer: lead {lead.id} is {told}"
            return
        if lead.strange:
            yield f"dialer: lead {lead.id} carries another record's key: the dialer was restored or rebuilt"
        if not lead.differing:
            yield f"dialer: lead {lead.id} is there, and holds what is mapped as the CRM has it"
        for one in lead.differing:
            values = f": CRM {one.crm!r}, lead {one.lead!r}" if self._show else ""
            yield f"dialer: lead {lead.id} holds another {one.name}{values}"

    def result(self) -> dict[str, Any]:
        """The same with stable keys."""
        meant = self._meant
        from syncd.cli import why_words

        return {
            "line": self._line,
            "found": meant.is_known,
            "kind": meant.kind,
            "also": meant.also,
            "looked": meant.looked,
            "dnc_lists": meant.dnc_lists,
            "by_hand": [entry for one in meant.by_hand for entry in why_words.of_intent(one, "")],
            "records": [self._result(one) for one in self._wholes],
            "calls": [{"id": one.story.id, "story": list(why_words.of_call(one, "the call"))} for one in self._calls],
        }

    def _result(self, whole: whys.Whole) -> dict[str, Any]:
        from syncd.cli import why_words

        crm, lead = whole.crm, whole.lead
        return {
            "crm_id": whole.story.crm_id if whole.story else None,
            "lead_id": lead.id if lead else None,
            "story": why_words.told(whole),
            "calls": [
                {"id": one.story.id, "activity": one.story.activity or None, "told": one.record is not None}
                for one in whole.calls
            ],
            "calls_trouble": whole.calls_trouble,
            "sharing_phone": whole.story.sharing if whole.story else (),
            "crm": {
                "state": crm.state,
                "modified": crm.modified,
                "phone": self._phone(crm),
                "conditions": crm.conditions,
                "plan": crm.verdict,
                "reason": crm.reason,
                "hint": crm.hint,
                "unchanged": crm.unchanged,
                "differing": crm.differing,
                "trouble": crm.trouble,
            },
            "lead": None
            if lead is None
            else {
                "state": lead.state,
                "strange": lead.strange,
                "trouble": lead.trouble,
                "differing": [
                    {"field": one.name, "crm": one.crm, "lead": one.lead} if self._show else {"field": one.name}
                    for one in lead.differing
                ],
            },
            "circumstances": whole.circumstances,
        }


_KINDS = {"crm": "a CRM id", "call": "a call", "lead": "a lead", "phone": "a phone number"}


def masked(number: str) -> str:
    """A phone number of which only the last two digits are shown."""
    return "•" * max(0, len(number) - 2) + number[-2:]
