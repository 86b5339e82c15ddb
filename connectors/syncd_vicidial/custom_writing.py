"""Writes the custom fields of leads, beside or after their columns, and reads back what the lists make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from syncd.sdk import errors, records
from syncd_vicidial import answers, custom, leads, mapped
from syncd_vicidial.options import Options

# Sends columns and custom fields of a lead to update_lead; see `lead_writing.Writer`.
Send = Callable[[str, Mapping[str, str], Mapping[str, str]], list[answers.Line]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a change asks for: its `columns` of the lead, its custom fields (`rest`), and `own`, those of them that the
    list `list_id` has, with the exact e-mail."""

    columns: records.Fields
    rest: records.Fields
    list_id: str
    own: records.Fields


class CustomWriting:
    """The custom fields of one server's leads."""

    def __init__(
        self, options: Options, found: leads.Leads, split: mapped.Mapped, fields: custom.CustomFields, send: Send
    ) -> None:
        self._exact = options.exact_email
        self._leads = found
        self._mapped = split
        self._custom = fields
        self._send = send

    def are_in(self, columns: records.Fields, rest: records.Fields) -> bool:
        """Whether a change has custom fields, the exact e-mail among them."""
        return bool(rest) or (self._exact is not None and "email" in columns)

    def complete(self, lead_id: str, wanted: Wanted, values: Mapping[str, str], *, added: bool) -> records.Outcome:
        """Give a lead that was just added the columns `values` that add_lead does not store, and its custom fields
        unless they are `added`. What fails is `unapplied`: the lead is there, and is not done until it has all.

        Raises Ambiguous."""
        later = {} if added else self._custom.wired(wanted.own)
        try:
            if values or later:
                self._send(lead_id, values, later)
            return self._done(lead_id, wanted)
        except errors.LeaseLost as error:
            raise errors.Ambiguous(f"the lead is added, but not all of its fields are: {error}") from None
        except errors.SyncdError as error:
            return records.Outcome(lead_id, error, unapplied=self._left(wanted.columns, wanted.rest) | values.keys())

    def follow(self, before: records.Outcome, columns: records.Fields, rest: records.Fields) -> records.Outcome:
        """The custom fields of a lead whose columns were just written, as far as `before` says. Raises Ambiguous."""
        try:
            done = self.update(before.id or "", {}, columns, rest)
        except errors.LeaseLost as error:
            raise errors.Ambiguous(f"the lead is updated, but its custom fields are not: {error}") from None
        except errors.SyncdError as error:
            return replace(before, error=error, unapplied=before.unapplied | self._left(columns, rest))
        return replace(before, notes=(*before.notes, *done.notes), stored={**before.stored, **done.stored})

    def update(
        self, lead_id: str, values: Mapping[str, str], columns: records.Fields, rest: records.Fields
    ) -> records.Outcome:
        """Write the columns `values` and the custom fields of a change in one request. A lead that has no custom values
        yet and moves to another list gets them there, so it is moved first. Raises what `Connector.write` may say."""
        lead = self._leads.one(lead_id, leads.OF_LIST)
        if lead is None:
            raise errors.Missing("the lead is gone")
        list_id = leads.list_of(lead.fields)
        target = values.get("list_id_field", list_id)
        moves = target != list_id and not leads.has_own_list(lead.fields)
        wanted = self.wanted(target if moves else list_id, columns, rest)
        sent = self._custom.wired(wanted.own)
        if sent:
            sent |= self._custom.beside(lead_id, wanted.list_id, {**values, **sent})
        requests: list[tuple[Mapping[str, str], Mapping[str, str]]] = [(values, sent)]
        if moves:
            requests = [(values, {}), ({}, sent)]
        applied = False
        lines: list[answers.Line] = []
        try:
            for plain, own in requests:
                if plain or own:
                    lines += self._send(lead_id, plain, own)
                    applied = True
            done = self._done(lead_id, wanted)
        except errors.SyncdError as error:
            if not applied or isinstance(error, errors.Ambiguous):
                raise
            raise errors.Ambiguous(f"not all of the fields are known to be stored: {error}") from None
        return replace(done, notes=(*done.notes, *answers.notes(lines)))

    def wanted(self, list_id: str, columns: records.Fields, rest: records.Fields) -> Wanted:
        """What a change asks for of a lead of this list. Raises Rejected, AuthFailed, RetryLater."""
        return Wanted(columns, rest, list_id, self._mapped.of_list(list_id, columns, rest))

    def _left(self, columns: records.Fields, rest: records.Fields) -> frozenset[str]:
        """The fields of a change that stand for its custom fields."""
        exact = {"email"} & columns.keys() if self._exact is not None else set()
        return frozenset({*rest, *exact})

    def _done(self, lead_id: str, wanted: Wanted) -> records.Outcome:
        """Read back what was written: a column may cut or convert, and the list may have only some of the fields."""
        kept = self._custom.kept(lead_id, wanted.list_id, wanted.own)
        exact = self._exact
        cut = exact is not None and exact in kept and kept[exact] != self._custom.canonical(wanted.own[exact])
        notes = ("exact-email-does-not-fit",) if cut else ()
        return records.Outcome(lead_id, notes=notes, stored={name: kept.get(name, "") for name in wanted.rest})
