"""Functions about users, and as much of the admin pages as tells who may see them."""

from syncd.simulators.common.wire import HTML, HttpAnswer

from . import auth, rows
from .request import Request
from .world import World

ADMIN_PATH = "/vicidial/admin.php"
_DETAILS = ("user", "full_name", "user_group", "user_level", "active")


def user_details(req: Request) -> None:
    """Print who a user is."""
    name = req.get("agent_user")
    data = f"{req.user_name}|{name}"
    if not 0 < len(name) < 100:
        raise req.stop(f"ERROR: user_details INVALID SEARCH PARAMETERS: {data}")
    user = req.world.users.get(name)
    if user is None or not req.group().sees_group(user.user_group):
        raise req.stop(f"ERROR: user_details USER NOT FOUND: {data}")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(_DETAILS) + "\n")
    req.echo(delimiter.join((name, user.full_name, user.user_group, str(user.user_level), user.active)) + "\n")


def agent_campaigns(req: Request) -> None:
    """Print the campaigns that an agent may choose; no simulated campaign takes in-group calls for its agents."""
    name, only = req.get("agent_user"), req.get("campaign_id")
    agent = req.world.users.get(name)
    if agent is None or not req.group().sees_group(agent.user_group):
        raise req.stop(f"ERROR: agent_campaigns AGENT USER DOES NOT EXIST: |{req.user_name}|{name}")
    group = req.world.user_groups.get(agent.user_group) or rows.UserGroup(agent.user_group)
    found = [
        campaign.campaign_id
        for campaign in req.world.campaigns.values()
        if campaign.active == "Y" and group.allows(campaign.campaign_id) and only in {"", campaign.campaign_id}
    ]
    if not found:
        raise req.stop(f"ERROR: agent_campaigns THIS AGENT USER HAS NO AVAILABLE CAMPAIGNS: {name}|{req.user_name}|")
    delimiter = req.delimiter()
    if req.has_header():
        req.echo(delimiter.join(("user", "allowed_campaigns_list", "allowed_ingroups_list")) + "\n")
    req.echo(delimiter.join((name, "-".join(found), "")) + "\n")


def admin_page(world: World, login: tuple[str, str]) -> HttpAnswer:
    """Whether a user may see the admin pages, by HTTP Basic; their content is not simulated.

    Source: admin.php of trunk 3884. Who sees reports only, or the API only, is told apart; quality control is not.
    """
    user_name, password = (rows.NOT_A_NAME.sub("", part) for part in login)
    verdict = auth.authorize(world, user_name, password, above_level=1)
    if verdict == auth.LOCK:
        return _page(200, f"Too many login attempts, try again in 15 minutes: |{user_name}|LOCK|\n")
    if verdict != auth.GOOD:
        return _page(401, f"Login incorrect, please try again: |{user_name}|{password}|{verdict}|\n")
    user = world.users[user_name]
    manages = user.user_level > 7 or (user.user_level > 6 and user.view_reports == 1)
    if user.api_only_user == 1 or not manages:
        return _page(200, f"You do not have permission to be here: |{user_name}|{verdict}|\n")
    return _page(200, "<html>\n<head>\n<title>ADMINISTRATION</title></head>\n<body></body>\n</html>\n")


def _page(status: int, body: str) -> HttpAnswer:
    headers = {"WWW-Authenticate": 'Basic realm="CONTACT-CENTER-ADMIN"'} if status == 401 else {}
    return HttpAnswer(status, body.encode(), HTML, headers)
