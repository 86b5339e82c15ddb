"""The simulated VICIdial's tables, as rows."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RowT = TypeVar("RowT", bound="DataclassInstance")
NOT_A_NAME = re.compile(r"[^-_0-9a-zA-Z]")  # what the web pages drop of a login


def read(kind: type[RowT], given: Mapping[str, Any]) -> RowT:
    """Given a row of a state file, in part or whole, return it; raise ValueError for a column that does not exist."""
    unknown = sorted(given.keys() - {field.name for field in dataclasses.fields(kind)})
    if unknown:
        raise ValueError(f"state: a {kind.__name__} has no {', '.join(unknown)}")
    return kind(**given)


def change(row: "DataclassInstance", given: Mapping[str, Any]) -> None:
    """Change columns of a row; raise ValueError for one that does not exist, and then change none."""
    unknown = sorted(given.keys() - {field.name for field in dataclasses.fields(row)})
    if unknown:
        raise ValueError(f"a {type(row).__name__} has no {', '.join(unknown)}")
    for name, value in given.items():
        setattr(row, name, value)


def read_lead(given: Mapping[str, Any]) -> "Lead":
    """A lead of a state file; numbers become the text that PHP prints."""
    return read(Lead, {name: value if name == "lead_id" else str(value) for name, value in given.items()})


def plain(found: "Iterable[DataclassInstance]") -> list[dict[str, Any]]:
    """Rows as plain data, for the control door."""
    return [dataclasses.asdict(row) for row in found]


@dataclasses.dataclass(slots=True)
class User:
    """A row of vicidial_users."""

    user: str
    user_level: int = 1
    full_name: str = ""
    user_group: str = ""
    vdc_agent_api_access: int = 0
    modify_leads: int = 0
    modify_lists: int = 1
    delete_from_dnc: int = 0
    modify_campaigns: int = 0
    modify_users: int = 0
    view_reports: int = 0
    export_reports: int = 0
    api_list_restrict: int = 0
    api_only_user: int = 0
    api_allowed_functions: list[str] = dataclasses.field(default_factory=lambda: ["ALL_FUNCTIONS"])
    admin_hide_phone_data: str = "0"
    agentcall_manual: str = "0"
    change_agent_campaign: int = 0
    closer_campaigns: str = ""
    closer_default_blended: str = "0"
    custom_three: str = ""
    active: str = "Y"
    password: str = ""
    failed_login_count: int = 0
    last_login_epoch: int = 0
    # All refused logins since the simulator began, also those of a locked account.
    refused_logins: int = 0


@dataclasses.dataclass(slots=True)
class UserGroup:
    """A row of vicidial_user_groups."""

    user_group: str
    allowed_campaigns: list[str] = dataclasses.field(default_factory=list)
    allowed_reports: str = ""
    admin_viewable_groups: list[str] = dataclasses.field(default_factory=list)

    def allows(self, campaign_id: str) -> bool:
        """Whether this group may see a campaign."""
        return any("-ALL" in name for name in self.allowed_campaigns) or campaign_id in self.allowed_campaigns

    def sees_group(self, user_group: str) -> bool:
        """Whether this group may see the users of another one; without a list it sees all."""
        seen = self.admin_viewable_groups
        return not seen or any("--ALL--" in name for name in seen) or user_group in seen


@dataclasses.dataclass(slots=True)
class Campaign:
    """A row of vicidial_campaigns. `closer_campaigns`: the in-groups it takes calls from, spelled " ONE TWO -"."""

    campaign_id: str
    campaign_name: str = ""
    active: str = "Y"
    local_call_time: str = "9am-9pm"
    use_other_campaign_dnc: str = ""
    dial_method: str = "MANUAL"
    auto_dial_level: str = "0"
    dial_statuses: str = "NEW"  # separated by blanks
    campaign_allow_inbound: str = "N"
    manual_dial_list_id: str = "998"
    api_manual_dial: str = "STANDARD"
    default_xfer_group: str = "---NONE---"
    callback_statuses: list[str] = dataclasses.field(default_factory=list)  # of vicidial_campaign_statuses
    closer_campaigns: str = ""


@dataclasses.dataclass(slots=True)
class InGroup:
    """A row of vicidial_inbound_groups."""

    group_id: str
    group_name: str = ""
    active: str = "Y"
    default_xfer_group: str = "---NONE---"


@dataclasses.dataclass(slots=True)
class LeadList:
    """A row of vicidial_lists."""

    list_id: str
    list_name: str = ""
    campaign_id: str = ""
    active: str = "Y"
    list_description: str = ""
    list_changedate: str = ""
    list_lastcalldate: str = ""
    expiration_date: str = "2099-12-31"
    resets_today: int = 0


@dataclasses.dataclass(slots=True)
class Lead:
    """A row of vicidial_list, all columns but the key as the text that PHP prints; NULL is the empty text."""

    lead_id: int
    entry_date: str = ""
    modify_date: str = ""
    status: str = ""
    user: str = ""
    vendor_lead_code: str = ""
    source_id: str = ""
    list_id: str = "0"
    gmt_offset_now: str = "0.00"
    called_since_last_reset: str = "N"
    phone_code: str = ""
    phone_number: str = ""
    title: str = ""
    first_name: str = ""
    middle_initial: str = ""
    last_name: str = ""
    address1: str = ""
    address2: str = ""
    address3: str = ""
    city: str = ""
    state: str = ""
    province: str = ""
    postal_code: str = ""
    country_code: str = ""
    gender: str = "U"
    date_of_birth: str = ""
    alt_phone: str = ""
    email: str = ""
    security_phrase: str = ""
    comments: str = ""
    called_count: str = "0"
    last_local_call_time: str = ""
    rank: str = "0"
    owner: str = ""
    entry_list_id: str = "0"


LEAD_COLUMNS = tuple(field.name for field in dataclasses.fields(Lead))


@dataclasses.dataclass(slots=True)
class Call:
    """A row of vicidial_log, or of vicidial_closer_log if `closecallid` is set. Without a user it is NULL."""

    uniqueid: str
    lead_id: int
    campaign_id: str
    call_date: str
    status: str
    user: str | None
    list_id: str = ""
    length_in_sec: int = 0
    phone_number: str = ""
    user_group: str | None = None
    term_reason: str = "NONE"
    alt_dial: str = "NONE"
    called_count: int = 0
    queue_seconds: float = 0.0
    closecallid: int = 0
    # How often the export's join with the agent log finds the call.
    agent_log_rows: int = 1


@dataclasses.dataclass(slots=True)
class Callback:
    """A row of vicidial_callbacks."""

    lead_id: int
    list_id: str
    campaign_id: str
    entry_time: str
    callback_time: str
    recipient: str
    user: str = ""
    user_group: str = ""
    comments: str = ""
    lead_status: str = "CALLBK"
    status: str = "ACTIVE"


@dataclasses.dataclass(slots=True)
class HopperEntry:
    """A row of vicidial_hopper."""

    hopper_id: int
    lead_id: int
    campaign_id: str
    list_id: str
    gmt_offset_now: str
    state: str
    priority: int
    vendor_lead_code: str
    source: str = "P"
    status: str = "READY"


@dataclasses.dataclass(slots=True)
class Recording:
    """A row of recording_log; `vicidial_id` is an outbound call's uniqueid or an inbound call's closecallid.

    Beside the row: `linked_from`, the Unix time from which its location is told (None: never), and what is wrong with
    its `audio`: "missing", "page" (an error page instead) or "login"."""

    recording_id: int
    lead_id: int
    user: str
    start_time: str
    length_in_sec: int
    vicidial_id: str
    filename: str
    location: str
    linked_from: float | None = 0.0
    audio: str = ""
    agent_log_id: int = 0

    def told_at(self, epoch: float) -> "Recording":
        """The row as it is at this time: the location comes late."""
        told = self.linked_from is not None and self.linked_from <= epoch
        return self if told else dataclasses.replace(self, location="")


@dataclasses.dataclass(slots=True)
class WaitingCall:
    """A row of vicidial_auto_calls that waits for an agent; `campaign_id` may name an in-group."""

    campaign_id: str
    agent_only: str = ""


# How much the columns hold by which the Agent API tells an agent's screen what to do; the rest is cut off.
EXTERNAL_WIDTH: Mapping[str, int] = {
    "external_hangup": 1, "external_status": 255, "external_pause": 20, "external_dial": 100, "external_dtmf": 100,
    "external_transferconf": 120, "external_park": 40, "external_recording": 20, "external_pause_code": 6,
    "external_timer_action": 20, "external_timer_action_message": 255, "external_timer_action_seconds": 7,
    "external_ingroups": 65535, "external_blended": 1, "external_igb_set_user": 20,
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class LiveAgent:
    """A row of vicidial_live_agents, and what other tables know of the agent's calls.

    `callerid`: of the live call, empty where there is none. `closer_campaigns`: the chosen in-groups, spelled
    " ONE TWO -". `external`: the columns by which the Agent API tells the agent's screen what to do. `press_calls`,
    `three_way_calls`: other calls of the agent that are still alive. `by_api`: logged in by the guide's `login`.
    """

    user: str
    campaign_id: str
    session_id: str
    status: str = "PAUSED"
    lead_id: int = 0
    callerid: str = ""
    server_ip: str = "10.10.10.15"
    closer_campaigns: str = " -"
    blended: str = "0"
    press_calls: int = 0
    three_way_calls: int = 0
    by_api: bool = False
    external: dict[str, str] = dataclasses.field(default_factory=dict)

    def tell(self, column: str, value: str) -> None:
        """Store what the agent's screen is to do."""
        self.external[column] = value[: EXTERNAL_WIDTH[column]]
