"""Reads what VICIdial's own database tells of dialling beyond the API: a campaign's settings, the whole hopper.

Source: AST_VDhopper.pl, trunk 3884, which fills the hopper; names and columns are those of its statements. Not part of
what `database` must be granted: what may not be read is said to be so.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd_vicidial.database import Database

TABLES = ("vicidial_campaigns", "vicidial_lists", "vicidial_hopper", "vicidial_lead_recycle")
_CAMPAIGN = (
    "SELECT local_call_time, lead_filter_id, use_internal_dnc, use_campaign_dnc, call_count_limit, no_hopper_dialing "
    "FROM vicidial_campaigns WHERE campaign_id = %s LIMIT 1"
)
_LIST = "SELECT local_call_time FROM vicidial_lists WHERE list_id = %s LIMIT 1"
_HOPPER = "SELECT status FROM vicidial_hopper WHERE lead_id = %s AND campaign_id = %s LIMIT 1"
_RECYCLE = (
    "SELECT attempt_delay, attempt_maximum FROM vicidial_lead_recycle "
    "WHERE campaign_id = %s AND status = %s AND active = 'Y' LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a campaign and a list: the Call Time that counts, the lead filter ("" for none), whether numbers on the
    system's and the campaign's do-not-call list are left out, how many calls of a lead are enough (0: any number),
    whether the campaign has no hopper."""

    call_time: str
    lead_filter: str
    system_dnc: bool
    campaign_dnc: bool
    most_calls: int
    no_hopper: bool


@dataclass(frozen=True, slots=True)
class Recycling:
    """A lead of some status is dialled again so many seconds after a call, until it was dialled so often."""

    after_seconds: int
    times: int


class Tables:
    """Each raises AuthFailed without the grant, UserError where a table or column is not there, RetryLater."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fix = "; ".join(f"GRANT SELECT ON `{database.name}`.{table}" for table in TABLES) + " to syncd's user"

    def settings(self, campaign_id: str, list_id: str) -> Settings | None:
        """Of a campaign and one of its lists; None if there is no such campaign."""
        rows = self._database.rows(_CAMPAIGN, (campaign_id,))
        of_list = self._database.rows(_LIST, (list_id,))
        if not rows:
            return None
        call_time, lead_filter, system, campaign, most, no_hopper = (value or "" for value in rows[0])
        own = of_list[0][0] if of_list else None
        return Settings(
            own if own and own != "campaign" else call_time,
            "" if lead_filter.upper() in ("", "NONE") else lead_filter,
            system.startswith(("Y", "AREACODE")),
            campaign.startswith(("Y", "AREACODE")),
            int(most) if most.isdigit() else 0,
            no_hopper == "Y",
        )

    def hopper_status(self, lead_id: str, campaign_id: str) -> str:
        """The status of a lead's entry in the hopper; "" if it has none."""
        rows = self._database.rows(_HOPPER, (lead_id, campaign_id))
        return (rows[0][0] or "") if rows else ""

    def recycling(self, campaign_id: str, status: str) -> Recycling | None:
        """Whether leads of a status are dialled again without a reset of their list."""
        rows = self._database.rows(_RECYCLE, (campaign_id, status))
        if not rows:
            return None
        delay, most = (int(value or 0) for value in rows[0])
        return Recycling(delay, most)
