"""Calls that an agent is made to place: dialling, leads for dialling by hand, transfers and third parties.

VICIdial dials whatever it is told to. So each number is looked up on the do-not-call lists first, and among the leads:
one whose status says "do not call" is not called either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from syncd.sdk import errors
from syncd_vicidial import text
from syncd_vicidial.agent import catalogue, results
from syncd_vicidial.agent.desk import Desk, flag, moment, repeats
from syncd_vicidial.agent.orders import doubt

Transfer = Literal[
    "BLIND_TRANSFER", "LOCAL_CLOSER", "DIAL_WITH_CUSTOMER", "PARK_CUSTOMER_DIAL", "LEAVE_VM", "LEAVE_3WAY_CALL",
    "HANGUP_XFER", "HANGUP_BOTH",
]  # fmt: skip
_CONSULTS = ("DIAL_WITH_CUSTOMER", "PARK_CUSTOMER_DIAL")
_DIALS = ("BLIND_TRANSFER", *_CONSULTS)
# What the columns external_dial and external_transferconf hold; of a longer order the end is cut off, a lead's id say.
_WIDEST_DIAL, _WIDEST_TRANSFER = 100, 120
_WIDEST_CALLER_ID, _WIDEST_NUMBER, _EPOCH_DIGITS = 20, 18, 10


class Calling(Desk):
    """Everything that ends in a call."""

    def external_dial(
        self,
        user: str,
        *,
        phone_number: str = "",
        lead_id: str = "",
        next_lead: bool = False,
        phone_code: str = "1",
        search: bool = True,
        preview: bool = False,
        focus: bool = False,
        vendor_id: str = "",
        dial_prefix: str = "",
        group_alias: str = "",
        outbound_cid: str = "",
        alt_dial: Literal["MAIN", "ALT", "ADDR3", "SEARCH"] | None = None,
        dial_ingroup: str = "",
    ) -> results.Done:
        """Make the agent, who must be paused, call a number, a lead or the campaign's next lead: one of the three."""
        given = self._checked(
            "external_dial",
            user,
            phone_number=phone_number,
            lead_id=lead_id,
            next_lead=next_lead,
            phone_code=phone_code,
            search=search,
            preview=preview,
            focus=focus,
            vendor_id=vendor_id,
            dial_prefix=dial_prefix,
            group_alias=group_alias,
            outbound_cid=outbound_cid,
            alt_dial=alt_dial,
            dial_ingroup=dial_ingroup,
        )
        is_searched = alt_dial == "SEARCH"
        _refuse_unless_one_target(phone_number, lead_id, alt_dial or "", next_lead=next_lead)
        parameters = {name: value for name, value in given.items() if name not in ("phone_number", "next_lead")}
        parameters |= {name: given[name].upper() for name in ("search", "preview", "focus")}
        parameters["value"] = "MANUALNEXT" if next_lead else phone_number
        longest = sum(len(value) for name, value in parameters.items() if name != "outbound_cid") + len("!") * 13
        longest += (
            _EPOCH_DIGITS + _WIDEST_CALLER_ID * bool(group_alias or outbound_cid) + _WIDEST_NUMBER * bool(lead_id)
        )
        _refuse_if_too_long(longest, _WIDEST_DIAL)
        if lead_id:
            self._screening.lead(lead_id, alt_dial=alt_dial or "", searched=phone_number)
        elif phone_number:
            self._screening.number(phone_number, phone_code)
        data, notices = self._tell("external_dial", user, parameters, "external_dial function set")
        called = parameters["value"] if not lead_id or is_searched else "".join(data[:1])
        repeats("external_dial", user, data, {0: called, 1: user})
        lost = any(notice.startswith("defined dial_ingroup not found") for notice in notices)
        notice = f"there is no in-group {dial_ingroup}: the call goes out without it" if lost else ""
        return results.Done(user=user, at=moment(data, 7), notice=notice)

    def external_add_lead(
        self, user: str, *, phone_number: str, phone_code: str = "1", **fields: str
    ) -> results.LeadAdded:
        """Put a lead into the agent's list of manual calls. `fields`: of `catalogue.LEAD_FIELDS`."""
        given = self._checked("external_add_lead", user, phone_number=phone_number, phone_code=phone_code, **fields)
        words = text.Words.of(self._options)
        values = {name: value for name, value in given.items() if name in catalogue.LEAD_FIELDS}
        kept = {name: words.canonical(name, value) for name, value in values.items()}
        problems = [errors.Problem("VICIdial would keep nothing of it", name) for name in kept if not kept[name]]
        if values.get("source_id", "").startswith("syncd:"):
            problems.append(errors.Problem("syncd:… marks the leads that syncd keeps", "source_id", "take another"))
        if problems:
            raise errors.Rejected(problems)
        self._screening.number(phone_number, phone_code)
        check = "N" if self._options.dnc_check == "N" else "Y"
        parameters = {
            "value": phone_number,
            "phone_code": phone_code,
            "dnc_check": check,
            "campaign_dnc_check": check,
            **{name: words.wire(name, value) for name, value in values.items()},
        }
        data, _ = self._tell("external_add_lead", user, parameters, "lead added")
        repeats("external_add_lead", user, data, {0: phone_number, 4: user})
        if not data[3].isdigit():
            raise doubt("external_add_lead", user, "the answer names no lead")
        changed = ", ".join(name for name, value in values.items() if kept[name] != value)
        return results.LeadAdded(
            user=user,
            lead_id=data[3],
            list_id=data[2],
            campaign=data[1],
            notice=f"VICIdial changed {changed}" if changed else "",
        )

    def transfer_conference(
        self,
        user: str,
        *,
        value: Transfer,
        phone_number: str = "",
        ingroup_choices: str = "",
        consultative: bool = False,
        dial_override: bool = False,
        group_alias: str = "",
        cid_choice: Literal["CAMPAIGN", "AGENT_PHONE", "CUSTOMER", "CUSTOM_CID"] | None = None,
        multi_dial_phones: Sequence[str] = (),
        md_check: bool = False,
        tw_check: bool = False,
    ) -> results.Transferred:
        """Transfer the agent's call, add a third party, or end one of these."""
        given = self._checked(
            "transfer_conference",
            user,
            value=value,
            phone_number=phone_number,
            ingroup_choices=ingroup_choices,
            consultative=consultative,
            dial_override=dial_override,
            group_alias=group_alias,
            cid_choice=cid_choice,
            multi_dial_phones=",".join(multi_dial_phones),
            md_check=md_check,
            tw_check=tw_check,
        )
        to_agent = value == "LOCAL_CLOSER" or consultative
        _refuse_half_a_transfer(value, phone_number or "".join(multi_dial_phones), ingroup_choices, consultative)
        flags = ("consultative", "dial_override", "md_check", "tw_check")
        parameters = {name: part for name, part in given.items() if name not in flags}
        parameters |= {name: flag(given[name] == "yes") for name in flags}
        own = sum(len(part) for name, part in given.items() if name not in (*flags, "multi_dial_phones"))
        dashes = len("---") * 8 + len("YESYES") + _EPOCH_DIGITS + _WIDEST_CALLER_ID * bool(group_alias)
        _refuse_if_too_long(own + dashes, _WIDEST_TRANSFER)
        if value in _DIALS and not to_agent:
            for number in dict.fromkeys((phone_number, *multi_dial_phones)):
                self._screening.number(number, "1")
        data, _ = self._tell("transfer_conference", user, parameters, "transfer_conference function set")
        repeats("transfer_conference", user, data, {0: value, 2: phone_number, 3: flag(consultative), 4: user})
        return results.Transferred(
            user=user, call_id="".join(data[5:6]), in_group=data[1], notice=_left_out(data, multi_dial_phones)
        )


def _refuse_unless_one_target(phone_number: str, lead_id: str, alt_dial: str, *, next_lead: bool) -> None:
    if alt_dial and not lead_id:
        raise errors.Rejected([errors.Problem("says which number of a lead", "alt_dial", "give lead_id, too")])
    if alt_dial == "SEARCH" and not phone_number:
        raise errors.Rejected([errors.Problem("is missing", "phone_number", "SEARCH looks for it in the lead")])
    wanted = [bool(phone_number) and alt_dial != "SEARCH", bool(lead_id), next_lead]
    if sum(wanted) != 1:
        raise errors.Rejected(
            [errors.Problem("nobody to call, or more than one", fix="give phone_number, lead_id or next_lead: one")]
        )


def _refuse_half_a_transfer(value: str, number: str, in_group: str, consultative: bool) -> None:
    problems = []
    if consultative and value not in _CONSULTS:
        problems.append(errors.Problem(f"not with {value}", "consultative", f"with {' or '.join(_CONSULTS)}"))
    if (consultative or value == "LOCAL_CLOSER") and not in_group:
        problems.append(errors.Problem("is missing", "ingroup_choices", "name one, or DEFAULTINGROUP"))
    if value in _DIALS and not consultative and not number:
        problems.append(errors.Problem("is missing", "phone_number", "whom to call or transfer to"))
    if problems:
        raise errors.Rejected(problems)


def _refuse_if_too_long(length: int, most: int) -> None:
    if length > most:
        raise errors.Rejected(
            [errors.Problem(f"all of this together is longer than the {most} characters that VICIdial keeps")]
        )


def _left_out(data: Sequence[str], phones: Sequence[str]) -> str:
    """A sentence where VICIdial calls fewer of several third parties at once than it was given."""
    told = next((part.split() for part in data if part.startswith("Multi-phones: ")), [])
    wanted = len(set(phones))
    if not phones or (len(told) > 1 and told[1] == str(wanted)):
        return ""
    return f"VICIdial calls {told[1] if len(told) > 1 else 'none'} of {wanted} numbers"
