"""Do-not-call lists: the checks of other functions, add_dnc_phone and delete_dnc_phone."""

from .request import Request
from .world import SYSTEM_DNC


def refuse_if_listed(req: Request, function: str) -> None:
    """End the request if the number is on a DNC list that its parameters ask to look at."""
    phone = req.get("phone_number")
    wanted = req.get("dnc_check")
    if wanted in {"Y", "AREACODE"} and req.world.in_dnc(phone, SYSTEM_DNC, areacode=wanted == "AREACODE"):
        raise req.stop(f"ERROR: {function} PHONE NUMBER IN DNC - {phone}|{req.user_name}")
    wanted = req.get("campaign_dnc_check")
    if wanted in {"Y", "AREACODE"}:
        campaign_id = req.get("campaign_id")
        campaign = req.world.campaigns.get(campaign_id)
        name = (campaign.use_other_campaign_dnc if campaign else "") or campaign_id
        if req.world.in_dnc(phone, name, areacode=wanted == "AREACODE"):
            raise req.stop(f"ERROR: {function} PHONE NUMBER IN CAMPAIGN DNC - {phone}|{campaign_id}|{req.user_name}")


def _numbers(req: Request, function: str) -> tuple[str, str, set[str]]:
    phone, campaign_id = req.get("phone_number"), req.get("campaign_id")
    if len(phone) < 6 or not campaign_id:
        raise req.stop(f"ERROR: {function} YOU MUST USE ALL REQUIRED FIELDS: |{req.user_name}|{phone}|{campaign_id}")
    return phone, campaign_id, req.world.dnc.setdefault(campaign_id, set())


def add_dnc_phone(req: Request) -> None:
    """Put a number on a list; a campaign that does not exist gets one too."""
    phone, campaign_id, numbers = _numbers(req, "add_dnc_phone")
    if phone in numbers:
        raise req.stop(f"ERROR: add_dnc_phone DNC NUMBER ALREADY EXISTS: |{req.user_name}|{phone}|{campaign_id}")
    numbers.add(phone)
    req.say(f"SUCCESS: add_dnc_phone DNC NUMBER HAS BEEN ADDED - {req.user_name}|{phone}|{campaign_id}")


def delete_dnc_phone(req: Request) -> None:
    """Take a number off a list."""
    phone, campaign_id, numbers = _numbers(req, "delete_dnc_phone")
    if phone not in numbers:
        raise req.stop(f"ERROR: delete_dnc_phone DNC NUMBER DOES NOT EXIST: |{req.user_name}|{phone}|{campaign_id}")
    numbers.discard(phone)
    req.say(f"SUCCESS: delete_dnc_phone DNC NUMBER HAS BEEN DELETED - {req.user_name}|{phone}|{campaign_id}")
