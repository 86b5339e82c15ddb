"""VICIdial's do-not-call lists: the server's own and those of campaigns. Area-code entries are the administrator's.

Source: non_agent_api.php, trunk 3884, and recordings (dnc-add, dnc-add-again, dnc-delete). `add_dnc_phone` takes any
name for a campaign's, so `config check` looks whether the campaigns exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncd.sdk import errors
from syncd_vicidial import answers
from syncd_vicidial.api import Api
from syncd_vicidial.options import SYSTEM, Options

_SYSTEM_LIST = "SYSTEM_INTERNAL"


class Dnc:
    """Reads and changes the lists, a number at a time."""

    def __init__(self, api: Api, options: Options) -> None:
        self._api = api
        self._options = options

    def add(self, numbers: Iterable[str], lists: Sequence[str]) -> None:
        """Put the numbers on the lists; fine where they are on them already.

        Raises AuthFailed, RetryLater, Rejected, Ambiguous (some of them may be on the lists)."""
        for number in dict.fromkeys(numbers):
            for name in lists:
                self._change("add_dnc_phone", number, name, done="HAS BEEN ADDED", was_so="ALREADY EXISTS")

    def remove(self, number: str, lists: Sequence[str]) -> list[str]:
        """Take a number off the lists; returns those it was on. Raises as `add`."""
        return [
            name
            for name in lists
            if self._change("delete_dnc_phone", number, name, done="HAS BEEN DELETED", was_so="DOES NOT EXIST")
        ]

    def listed(self, number: str, phone_code: str) -> list[str]:
        """The lists that keep the number from being dialled: "system" (area codes included) and the client's campaign.
        Raises AuthFailed, RetryLater."""
        checks = [(SYSTEM, {"dnc_check": "AREACODE"})]
        if self._options.campaign_id:
            campaign = {"campaign_dnc_check": "AREACODE", "campaign_id": self._options.campaign_id}
            checks.append((self._options.campaign_id, campaign))
        return [name for name, check in checks if self.screened(number, phone_code, check) is not None]

    def screened(self, number: str, phone_code: str, checks: dict[str, str]) -> errors.Screened | None:
        """What `check_phone_number` says of a number, None where it may be dialled. Raises AuthFailed, RetryLater."""
        parameters = {
            "phone_number": number,
            "phone_code": phone_code,
            "local_call_time": self._options.local_call_time,
            **checks,
        }
        answer = self._api.read("check_phone_number", parameters)
        lines = answers.parse(answer)
        for line in lines:
            error = answers.refusal(line, "check_phone_number", self._api.user) if line.kind == "ERROR" else None
            if isinstance(error, errors.Screened):
                return error
            if error is not None:
                raise error
        if lines or f"PHONE: {number}|" not in answer:
            raise errors.RetryLater("check_phone_number gives an answer that is not understood")
        return None

    def _change(self, function: str, number: str, name: str, *, done: str, was_so: str) -> bool:
        """Whether the list was changed; False where it was as wanted already."""
        campaign = _SYSTEM_LIST if name == SYSTEM else name
        lines = self._api.write(function, {"phone_number": number, "campaign_id": campaign})
        if len(lines) == 1 and lines[0].function == function:
            line = lines[0]
            if line.kind == "SUCCESS" and done in line.message:
                return True
            if line.kind == "ERROR" and was_so in line.message:
                return False
            if "ALL REQUIRED FIELDS" in line.message:
                what = "a number on a do-not-call list has 6 digits or more"
                raise errors.Rejected([errors.Problem(what, "phones", "correct the phone in the CRM")])
        for line in lines:
            if line.kind == "ERROR" and (error := answers.refusal(line, function, self._api.user)):
                raise error
        raise errors.Ambiguous(f"{function} gives an answer that is not understood")
