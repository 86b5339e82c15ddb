"""What a list and a campaign, as they were read, mean for a lead that is to be dialled."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.sdk import errors
from syncd.sdk.protocol import Circumstance
from syncd_vicidial import dial_reads

BY_HAND = ("MANUAL", "INBOUND_MAN", "SHARED_MAN")
"""Dial methods by which nobody is dialled unless an agent asks for it."""


def unseen(code: str, what: str, error: errors.SyncdError) -> Circumstance:
    """What could not be seen, why, and what the user needs to see it."""
    fix = f"needs: {error.fix}" if isinstance(error, errors.AuthFailed) and error.fix else ""
    return Circumstance(code, "unknown", f"{what} is not visible: {error}", fix)


def of_list(list_id: str, found: dial_reads.ListRow | errors.SyncdError | None, today: str) -> Circumstance:
    """What a list means for its leads; `today` is the server's date, "" where it is not known."""
    code = "list"
    if isinstance(found, errors.SyncdError):
        return unseen(code, f"list {list_id}", found)
    if found is None:
        said = f"list {list_id} is not visible: there is none, or the user's group may not see its campaign"
        return Circumstance(code, "unknown", said, "put the lead into a list that exists, or let the group see it")
    if not found.active:
        return Circumstance(
            "list_inactive", "prevents", f"list {list_id} is not active", f"Lists › {list_id} › Active: Y"
        )
    if found.expires and found.expires < today:
        said, fix = f"list {list_id} expired on {found.expires}", f"Lists › {list_id} › Expiration Date"
        return Circumstance("list_expired", "prevents", said, fix)
    return Circumstance(code, "fine", f"list {list_id} is active")


def of_campaign(
    campaign_id: str, found: dial_reads.Campaign | errors.SyncdError | None, status: str
) -> Iterator[Circumstance]:
    """What a campaign means for a lead of this status."""
    if isinstance(found, errors.SyncdError):
        yield unseen("campaign", f"campaign {campaign_id}", found)
        return
    if found is None:
        said = f"campaign {campaign_id} is not visible: there is none, or the user's group may not see it"
        yield Circumstance("campaign", "unknown", said, "put the list into a campaign that exists, or let it be seen")
        return
    place = f"Campaigns › {campaign_id}"
    if found.active:
        yield Circumstance("campaign", "fine", f"campaign {campaign_id} is active")
    else:
        said = f"campaign {campaign_id} is not active"
        yield Circumstance("campaign_inactive", "prevents", said, f"{place} › Active: Y")
    if found.method in BY_HAND:
        said = f"campaign {campaign_id} dials by hand ({found.method}): when an agent asks for the next lead"
        yield Circumstance("dial_method", "delays", said, f"{place} › Dial Method")
    elif found.level in ("0", ""):
        said = f"campaign {campaign_id} dials nobody by itself: its dial level is 0"
        yield Circumstance("dial_method", "prevents", said, f"{place} › Auto Dial Level")
    if status in found.statuses:
        yield Circumstance("status", "fine", f"its status {status} is dialled by campaign {campaign_id}")
    else:
        dialled = ", ".join(sorted(found.statuses)) or "none"
        said = f"its status {status or '(blank)'} is not dialled by campaign {campaign_id}, which dials {dialled}"
        yield Circumstance("status", "prevents", said, f"{place} › Dial Statuses, or another status of the lead")
