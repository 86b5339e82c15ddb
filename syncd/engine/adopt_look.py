"""Look for the leads of CRM records that syncd has not made, and judge which are theirs. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from syncd.core import adopt, erased, mapping, model
from syncd.engine import planning
from syncd.engine.parts import Context
from syncd.sdk import errors, protocol, records
from syncd.store import adoption, erasures, known

LEADS = "leads"
_COUNTED = {"key": "key", "none": "new", "review": "review"}
_Mapped = tuple[records.Record, mapping.Mapped]


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator says. `names`: proposals by phone and name are adopted. `key_is`: see `adopt.Judge`.
    `by_key`: also look for a key whose lead has another phone. `rate`: requests a second, to both sides together."""

    names: bool = False
    key_is: str = ""
    by_key: bool = True
    rate: float | None = None

    def plain(self) -> dict[str, object]:
        """What an adoption that goes on must have in common with the one that began."""
        return {"names": self.names, "key_is": self.key_is, "by_key": self.by_key}


@dataclass(frozen=True, slots=True)
class Looked:
    """One record that was judged, with its fields as they are mapped and as the dialer would keep them."""

    record: records.Record
    judged: adopt.Judged
    wanted: Mapping[str, str | None]
    stored: Mapping[str, str | None]
    phone: str  # digest


class Turn:
    """One client's adoption at work. Raises UserError where the client has no leads, or a dialer that cannot do it."""

    def __init__(self, ctx: Context, leads: model.Pipeline, options: Options) -> None:
        self.ctx, self.leads, self.options = ctx, leads, options
        self.client = ctx.client.name
        self.counts: Counter[str] = Counter()
        _, self.spec = ctx.target(leads)
        self.judge = adopt.Judge(leads, self.spec, options.key_is, self._marker())

    @cached_property
    def dialer(self) -> protocol.Adopts:
        """The dialer."""
        dialer = self.ctx.client.dialer
        if not isinstance(dialer, protocol.Adopts) or self.spec.phone is None or self.spec.key_field is None:
            what = "its dialer cannot adopt leads that somebody else has made"
            raise errors.UserError([errors.Problem(what, self.client)])
        return dialer

    @cached_property
    def crm_fields(self) -> tuple[str, ...]:
        """The fields of a CRM record that are read."""
        return tuple(sorted({*planning.fields_to_read(self.ctx), *self.judge.key_fields}))

    @cached_property
    def lead_fields(self) -> tuple[str, ...]:
        """The fields of a lead that are read: what is compared, and what tells whose it is."""
        mapped = set(self.leads.fields.targets) - set(self.leads.appointment)
        own = {
            self.spec.key_field,
            self.spec.marker_field,
            *self.spec.near,
            *self.spec.person,
            *(self.spec.phone or ()),
        }
        return tuple(sorted(mapped | {name for name in own if name}))

    def _marker(self) -> str | None:
        marker = records.SyncKey.of(self.leads.client, self.leads.source.stream, "x", marked=self.leads.marked).marker
        if marker is None or self.spec.marker_field is None:
            return None
        return self.ctx.stored(self.leads, {self.spec.marker_field: marker})[self.spec.marker_field]

    def look(self, page: Sequence[records.Record]) -> list[Looked]:
        """Judge those records of a page that have no lead of ours and whose lead is not decided yet."""
        ids = [record.id for record in page]
        linked = known.links_by_crm(self.ctx.db, self.client, self.leads.source.stream, ids)
        decided = {one.crm_id for one in adoption.rows(self.ctx.db, self.client, ids).values() if one.decision}
        on_their_way = adoption.pending(self.ctx.db, self.client)
        busy = known.busy(self.ctx.db, self.client, str(self.leads.target), ids)
        gone = erasures.erased(self.ctx.db, self.client, ids)
        todo: list[_Mapped] = []
        for record in page:
            if record.id in gone:
                self.counts[f"skip.{erased.ERASED}"] += 1
            elif record.id in linked:
                self.counts["linked"] += 1
            elif record.id in decided or record.id in on_their_way:
                self.counts["decided"] += 1
            elif record.id in busy:  # whether its create was applied is not known yet
                self.counts["skip.busy"] += 1
            elif why := self._beside(record):
                self.counts[f"skip.{why}"] += 1
            else:
                mapped = self.leads.fields(record.fields)
                if mapped.fields.get(self.spec.phone[1] if self.spec.phone else ""):
                    todo.append((record, mapped))
                else:
                    self.counts["skip.phone" if mapped.problems else "skip.no_phone"] += 1
        return self._judged(todo, set(on_their_way.values()))

    def _beside(self, record: records.Record) -> str:
        """Why a record is none of syncd's business, "" if it is. One who has opted out is: whoever dials the lead now
        is to know."""
        if record.deleted:
            return "deleted"
        if self.wants_out(record):
            return ""
        return "where" if record.left or not self.leads.where(record.fields) else ""

    def wants_out(self, record: records.Record) -> bool:
        """Whether its person must not be dialled."""
        out, consent = self.leads.opt_out, self.leads.consent
        if record.deleted:
            return False
        if out is not None and (out(record.fields) or out.unclear(record.fields)):
            return True
        return consent is not None and not consent(record.fields)

    def _judged(self, todo: Sequence[_Mapped], on_their_way: set[str]) -> list[Looked]:
        code, number = self.spec.phone or ("", "")
        numbers = [
            adopt.spellings(mapped.fields.get(code) or "", mapped.fields.get(number) or "") for _, mapped in todo
        ]
        by_phone = self._having(number, [one for spelled in numbers for one in spelled])
        leads = [{lead.id: lead for one in spelled for lead in by_phone.get(one, ())} for spelled in numbers]
        taken = on_their_way | set(
            known.links_by_dialer(self.ctx.db, self.client, LEADS, {lead for found in leads for lead in found})
        )
        stored = [self.ctx.stored(self.leads, mapped.fields) for _, mapped in todo]
        cuts = [self._cut(record) for record, _ in todo]
        verdicts = [
            self._by_key(place, todo, stored, list(leads[place].values()), taken, cuts, numbers)
            for place in range(len(todo))
        ]
        self._look_elsewhere(todo, verdicts, stored, leads, taken, cuts, numbers)
        found = []
        for place, (record, mapped) in enumerate(todo):
            judged = verdicts[place]
            if judged.verdict == "none":
                judged = self.judge.by_name(mapped.fields, stored[place], list(leads[place].values()), taken)
            if judged.verdict == "key" and judged.lead is not None and judged.lead.id in taken:
                judged = adopt.Judged("review", leads=judged.leads, reason="taken")
            if judged.verdict == "key" and judged.lead is not None:
                taken.add(judged.lead.id)
            digest = self.ctx.hashes.value("".join(mapped.fields.get(name) or "" for name in (code, number)))
            found.append(Looked(record, judged, mapped.fields, stored[place], digest))
            self.counts[f"review.{judged.reason}" if judged.reason else _COUNTED[judged.verdict]] += 1
        return found

    def _by_key(
        self,
        place: int,
        todo: Sequence[_Mapped],
        stored: Sequence[records.Fields],
        leads: Sequence[records.Record],
        taken: set[str],
        cuts: Sequence[str],
        numbers: Sequence[Sequence[str]],
    ) -> adopt.Judged:
        record, mapped = todo[place]
        return self.judge.by_key(
            record, mapped.fields, stored[place], leads, taken, cut=cuts[place], phones=numbers[place]
        )

    def _look_elsewhere(
        self,
        todo: Sequence[_Mapped],
        verdicts: list[adopt.Judged],
        stored: Sequence[records.Fields],
        leads: Sequence[Mapping[str, records.Record]],
        taken: set[str],
        cuts: Sequence[str],
        numbers: Sequence[Sequence[str]],
    ) -> None:
        """A lead with the record's key may have another phone: it is looked for by the key itself."""
        open_ = [place for place, one in enumerate(verdicts) if one.verdict == "none"]
        if not self.options.by_key or not open_:
            return
        keys = {place: {self.judge.key(todo[place][0].id).value, cuts[place]} - {""} for place in open_}
        by_key = self._having(self.spec.key_field or "", [one for found in keys.values() for one in found])
        ids = {lead.id for found in by_key.values() for lead in found}
        taken |= set(known.links_by_dialer(self.ctx.db, self.client, LEADS, ids))
        for place in open_:
            hits = [lead for key in sorted(keys[place]) for lead in by_key.get(key, ())]
            if hits:
                every = list({**leads[place], **{lead.id: lead for lead in hits}}.values())
                verdicts[place] = self._by_key(place, todo, stored, every, taken, cuts, numbers)

    def _having(self, name: str, values: Sequence[str]) -> Mapping[str, Sequence[records.Record]]:
        if not values:
            return {}
        with self.ctx.asking("dialer"):
            return self.dialer.having(LEADS, name, set(values), self.lead_fields)

    def _cut(self, record: records.Record) -> str:
        """The record's id in the site's spelling, as the dialer keeps it."""
        spelled = self.judge.spelled(record)
        if not spelled or self.spec.key_field is None:
            return ""
        return self.ctx.stored(self.leads, {self.spec.key_field: spelled})[self.spec.key_field] or ""


@dataclass
class Shared:
    """Proposals by name whose phone has come by once more; about 100 bytes a record. For a dry run, which stores
    nothing."""

    names: dict[str, bool] = field(default_factory=dict)

    def add(self, one: Looked, counts: Counter[str]) -> None:
        """Count a record that was judged as the end of an adoption would."""
        if one.judged.verdict != "review":
            return
        proposed = one.judged.reason == adopt.NAME
        if one.phone not in self.names:
            self.names[one.phone] = proposed
            return
        again = int(proposed) + int(self.names[one.phone])
        self.names[one.phone] = False
        counts["review.name"] -= again
        counts["review.shared_phone"] += again
