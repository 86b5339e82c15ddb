"""Whom an agent must not be made to call: VICIdial itself does not look when it is told to dial a number."""

from __future__ import annotations

from syncd.sdk import errors
from syncd_vicidial.flags import Flags
from syncd_vicidial.leads import Leads

_NUMBERS = {"MAIN": "phone_number", "ALT": "alt_phone", "ADDR3": "address3"}
_LEAST, _MOST = 6, 16  # digits of what can be on a do-not-call list; shorter ones are extensions


class Screening:
    """The do-not-call lists, and the leads whose status says so."""

    def __init__(self, leads: Leads, meaning: Flags) -> None:
        self._leads = leads
        self._flags = meaning

    def number(self, phone: str, phone_code: str) -> None:
        """Raise Screened if the number may not be called; also AuthFailed, RetryLater. What is not all digits, or too
        short, is no number that a list could hold."""
        if not (phone.isdigit() and _LEAST <= len(phone) <= _MOST):
            return
        self._leads.screen(phone, phone_code)
        for lead in self._leads.with_phone(phone, ("status",)):
            self._refuse(lead.fields["status"] or "")

    def lead(self, lead_id: str, *, alt_dial: str, searched: str) -> None:
        """Raise Screened if the lead, by the number that `alt_dial` means, may not be called; Missing if it is gone."""
        columns = (*_NUMBERS.values(), "phone_code", "status")
        found = self._leads.get([lead_id], columns)
        if not found:
            raise errors.Missing(f"there is no lead {lead_id}")
        values = {name: found[0].fields.get(name) or "" for name in columns}
        self._refuse(values["status"])
        number = searched if alt_dial == "SEARCH" else values[_NUMBERS.get(alt_dial, "phone_number")]
        self.number("".join(filter(str.isdigit, number)), values["phone_code"] or "1")

    def _refuse(self, status: str) -> None:
        if self._flags.standing(status) != "no":
            raise errors.Screened("dnc_status", f"a lead with this number has the status {status}: do not call")
