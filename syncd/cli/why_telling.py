"""What one text means, told: as lines for people, and with stable keys for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from syncd.cli import output, why_words
from syncd.daemon import redact
from syncd.engine import subjects
from syncd.engine import why as whys

if TYPE_CHECKING:
    from syncd.engine.sides import Crm
    from syncd.store import story

_HEADS = {
    "prevents": "not dialled, because",
    "delays": "not dialled yet, because",
    "unknown": "cannot be seen",
    "fine": "looked at and fine",
}


class Telling:
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
        """Print it for people."""
        place = f"line {self._line}: " if self._line is not None else ""
        meant = self._meant
        if not meant.is_known:
            out.line(f"{place}nobody knows anything about it")
            for one in meant.looked:
                out.line(f"  {one}")
            out.line()
            return
        out.line(f"{place}taken as {_KINDS[meant.kind or 'crm']}" + self._also())
        for one in meant.looked:
            out.line(f"  {one}")
        if meant.dnc_lists is not None:
            lists = ", ".join(meant.dnc_lists)
            on = f"the do-not-call lists {lists}" if lists else "no do-not-call list that is looked at"
            out.line(f"  the number is on {on}")
        for intent in meant.by_hand:
            for entry in _by_hand(intent):
                out.line(f"  {why_words.moment(entry.at, self._zone)}  {entry.pipeline:<12}  {entry.said}")
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
            due_at = call.story.recording_at
            looked = f"; its recording is looked for {why_words.moment(due_at, self._zone)}" if due_at else ""
            out.line(f"  call {number} is {call.story.id}{activity}{looked}")
        if whole.calls_trouble:
            out.line(f"  calls that are not told here: {whole.calls_trouble}")
        out.line("now:")
        for text in [*self._crm(whole), *self._lead(whole), *_open(whole)]:
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
            since = "; it has not changed since, so no run plans it again" if crm.unchanged else ""
            yield f"CRM: as it is now, this is planned: {crm.verdict}{fields}{reason}{since}"

    def _phone(self, crm: Crm) -> str:
        number = crm.phone
        return number if self._show or not number else masked(number)

    def _lead(self, whole: whys.Whole) -> Iterator[str]:
        lead = whole.lead
        if lead is None:
            yield "dialer: there is no lead"
            return
        if lead.state != "there":
            told = "gone" if lead.state == "gone" else f"not known: {lead.trouble}"
            yield f"dialer: lead {lead.id} is {told}"
            return
        if lead.strange:
            yield f"dialer: lead {lead.id} carries another record's key: the dialer was restored or rebuilt"
        elif whole.story is None:
            yield f"dialer: lead {lead.id} is there; it is no CRM record's, and syncd does nothing with it"
        elif whole.crm.state != "there":
            yield f"dialer: lead {lead.id} is there"
        elif not lead.differing:
            yield f"dialer: lead {lead.id} is there, and holds what is mapped as the CRM has it"
        for one in lead.differing:
            values = f": CRM {one.crm!r}, lead {one.lead!r}" if self._show else ""
            yield f"dialer: lead {lead.id} holds another {one.name}{values}"

    def result(self) -> dict[str, Any]:
        """The same with stable keys."""
        meant = self._meant
        return {
            "line": self._line,
            "found": meant.is_known,
            "kind": meant.kind,
            "also": meant.also,
            "looked": meant.looked,
            "dnc_lists": meant.dnc_lists,
            "by_hand": [entry for one in meant.by_hand for entry in _by_hand(one)],
            "records": [self._result(one) for one in self._wholes],
            "calls": [{"id": one.story.id, "story": list(why_words.of_call(one, "the call"))} for one in self._calls],
        }

    def _result(self, whole: whys.Whole) -> dict[str, Any]:
        crm, lead = whole.crm, whole.lead
        return {
            "crm_id": whole.story.crm_id if whole.story else None,
            "lead_id": lead.id if lead else None,
            "story": why_words.told(whole),
            "calls": [
                {
                    "id": one.story.id,
                    "activity": one.story.activity or None,
                    "told": one.record is not None,
                    "recording_at": one.story.recording_at,
                }
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
            "open": _intents(whole),
            "halted": whole.halted,
            "circumstances": whole.circumstances,
        }


def _by_hand(intent: story.Intent) -> list[why_words.Entry]:
    """The steps of what somebody did by hand and wrote about it, as a person may."""
    return [replace(entry, said=redact.text(entry.said)) for entry in why_words.of_intent(intent, "")]


def _intents(whole: whys.Whole) -> list[dict[str, Any]]:
    """What is not settled yet, of the record and of its calls."""
    every = [
        *(whole.story.intents if whole.story else ()),
        *(one for call in whole.calls for one in call.story.intents),
    ]
    names = ("id", "pipeline", "kind", "state", "reason", "hint", "due_at")
    return [{name: getattr(one, name) for name in names} for one in every if one.state != "settled"]


def _open(whole: whys.Whole) -> Iterator[str]:
    """What waits in syncd itself."""
    for one in _intents(whole):
        told = f"syncd: {one['kind']} of `{one['pipeline']}` {one['state']} ({one['id']})"
        if one["state"] == "held":
            told += f": {one['reason']}: {one['hint']}; `syncd held retry {one['id']}` or `syncd held drop {one['id']}`"
        yield told
    if whole.story is not None and whole.story.sharing:
        yield f"syncd: held since they have its phone: CRM record {', '.join(whole.story.sharing)}"
    for halted in whole.halted:
        yield f"syncd: {halted.said}; {halted.fix}"


_KINDS = {"crm": "a CRM id", "call": "a call", "lead": "a lead", "phone": "a phone number"}


def masked(number: str) -> str:
    """A phone number of which only the last two digits are shown."""
    return "•" * max(0, len(number) - 2) + number[-2:]
