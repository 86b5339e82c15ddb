"""The VICIdial part of a client's configuration."""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from syncd_vicidial import flags

DncCheck = Literal["AREACODE", "Y", "N"]
# Of the copied guide; stock VICIdial has none of them.
Addition = Literal[
    "get_call_log",
    "dnc_check",
    "lead_field_update",
    "get_recording",
    "campaign_call_stats",
    "agent_login",
    "agent_logout",
]
FunctionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
_ALL = ("---ALL---",)
SYSTEM = "system"  # the server's own do-not-call list
_CAMPAIGN = r"^[A-Za-z0-9_-]{2,8}$"
_NAMES = {"agent_login": "login", "agent_logout": "logout"}  # where the guide's names say too little


def _known_flags(said: str | dict[str, str]) -> str | dict[str, str]:
    for words in [said] if isinstance(said, str) else said.values():
        flags.check_words(words)
    return said


class DatabaseOptions(BaseModel):
    """VICIdial's own database, to read from and never to write to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(default="localhost", description="Its server", min_length=1)
    port: int = Field(default=3306, ge=1, le=65535, description="Port of the server")
    socket: str | None = Field(
        default=None, pattern="^/", description="Unix socket of a server on this machine, instead of host and port"
    )
    name: str = Field(default="asterisk", description="Name of the database", pattern=r"^[A-Za-z0-9_$-]{1,64}$")
    user: str = Field(
        description="A user of its own that may SELECT and nothing else; `config check` says which grants it needs",
        min_length=1,
    )
    password: SecretStr = Field(description="Its password")
    tls: bool | None = Field(
        default=None,
        description="Whether the connection is encrypted and the server's certificate checked; unless you say so, it "
        "is for servers that are not on this machine",
    )
    ca_file: str | None = Field(
        default=None, description="File with the certificates to trust instead of the system's; servers of a private CA"
    )
    connect_seconds: float = Field(default=5.0, gt=0, le=60, description="How long connecting may take")
    statement_seconds: float = Field(
        default=10.0,
        ge=0.1,
        le=600,
        description="How long one statement may take, by the server's own clock; it ends what takes longer",
    )
    rows_per_read: int = Field(
        default=1000, ge=10, le=100_000, description="Calls of one table that one statement reads"
    )
    flags_seconds: float = Field(default=300.0, ge=1, description="How often the status tables are read again, at most")

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is to be encrypted."""
        if self.tls is not None:
            return self.tls
        return self.socket is None and self.host not in ("localhost", "127.0.0.1", "::1")


class LinkRule(BaseModel):
    """A beginning of links, and what takes its place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begins: str = Field(alias="from", min_length=1, description="How links begin, as VICIdial tells them")
    to: str = Field(pattern="^https?://", description="What takes that place")


class Options(BaseModel):
    """How to reach one VICIdial, and what a lead of this client may cause there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address of the VICIdial web server, for example https://dialer.example.com")
    user: str = Field(description="API user; give it api_only_user and only the permissions it needs", min_length=2)
    password: SecretStr = Field(description="Its password; VICIdial keeps only A-Z, a-z, 0-9, - and _ of it")
    login_form: Literal["plain", "md5"] = Field(
        default="plain",
        description="How the API is given the password: plain (stock), or md5, as sites take it that follow the copied "
        "guide (pass_type=MD5)",
    )
    source: str = Field(
        default="syncd",
        pattern=r"^[A-Za-z0-9]{2,20}$",
        description="Name under which VICIdial logs our requests: 2 to 20 letters and digits",
    )
    time_zone: str | None = Field(
        default=None,
        description="Time zone of the server, for example America/New_York; calls cannot be read without it",
    )
    api_path: str = Field(
        default="/vicidial/non_agent_api.php", pattern="^/", description="Path of the non-agent API on the server"
    )
    export_path: str = Field(
        default="/vicidial/call_report_export.php", pattern="^/", description="Path of the call export on the server"
    )
    agent_api_path: str = Field(
        default="/agc/api.php", pattern="^/", description="Path of the Agent API on the server, for `syncd agent`"
    )
    agent_session_parameter: str = Field(
        default="session_id",
        pattern=r"^[A-Za-z0-9_]+$",
        description="Parameter by which requests carry the session id that a site's own agent_login answered",
    )
    campaign_id: str | None = Field(
        default=None,
        pattern=_CAMPAIGN,
        description="Campaign whose own do-not-call list new and changed numbers must pass as well, and in which the "
        "callbacks of `callback_at` are booked",
    )
    dnc_check: DncCheck = Field(
        default="AREACODE",
        description="Do-not-call check of new and changed numbers: AREACODE (area codes too), Y (numbers only), N",
    )
    list_exists_check: bool = Field(
        default=True, description="Refuse a lead whose list does not exist, instead of putting it where nobody sees it"
    )
    lists: tuple[str, ...] = Field(
        default=(), description="Lists that the mapping may name; `config check` says which of them do not exist"
    )
    duplicate_check: str | None = Field(
        default=None,
        pattern=r"^DUP[A-Z0-9]+$",
        description="VICIdial's own duplicate check for new leads, for example DUPLIST or DUPSYS; not needed by syncd",
    )
    local_call_time: str = Field(
        default="24hours",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="A Call Time that exists on the server; check_phone_number asks for one",
    )
    removed_status: str = Field(
        default="SYNCDX",
        pattern=r"^[A-Za-z0-9_-]{1,6}$",
        description="Status of a lead that is taken out of dialling; must not be among a campaign's dial statuses",
    )
    opt_out_status: str = Field(
        default="DNC",
        pattern=r"^[A-Za-z0-9_-]{1,6}$",
        description="Status of a lead that is taken out of dialling because the person opted out",
    )
    hopper_priority: int | None = Field(
        default=None,
        ge=-99,
        le=99,
        description="Put new leads into the hopper at once, with this priority (dialled within seconds instead of "
        "minutes), if the local call time allows it; the mapping may say `hopper_priority` for each lead",
    )
    opt_out_lists: tuple[str, ...] = Field(
        default=(SYSTEM,),
        description="Do-not-call lists that get the numbers of people who opt out in the CRM, whether they have a lead "
        "or not: `system`, or campaigns; empty for none. Nothing is ever taken off them, except by `syncd dnc remove`",
    )
    use_non_latin: bool = Field(
        default=False, description="As in VICIdial's System Settings; without it names lose all non-ASCII letters"
    )
    transliterate: bool = Field(
        default=False,
        description="Write letters that would be lost for want of use_non_latin in ASCII: Jürgen Strauß becomes Jurgen "
        "Strauss",
    )
    plus_emails: str = Field(
        default="encode",
        pattern=r"^(encode|lossy|hold|custom:[A-Za-z0-9_]{1,50})$",
        description="E-mails with a +, of which VICIdial makes a blank: encode (kept as %2B), lossy (the blank), hold "
        "(the record waits for a person), custom:LABEL (the blank; that custom field gets the exact e-mail)",
    )
    call_source: Literal["auto", "get_call_log", "call_report_export", "sql"] = Field(
        default="auto",
        description="Where calls are read: get_call_log (an addition of some sites), call_report_export (stock), sql "
        "(`database`), or auto: the first if the server has it and the user may call it, else the second",
    )
    # Another way to the same server, so no part of what tells one client's dialer from another's.
    database: DatabaseOptions | None = Field(
        default=None,
        exclude=True,
        description="VICIdial's database (MariaDB or MySQL), read only: for `call_source: sql`, and for the meaning of "
        "statuses",
    )
    functions: dict[Addition, FunctionName | Literal[False]] = Field(
        default_factory=dict,
        description="Functions that are additions of the site, used where the server has them: another name, or "
        f"`false` to do without. They are {', '.join(get_args(Addition))}",
    )
    recording_links: tuple[LinkRule, ...] = Field(
        default=(),
        description="How links to recordings become such that people can open: the first rule whose `from` a link "
        "begins with is applied, for example {from: 'http://10.0.0.5/', to: 'https://dialer.example.com/'}",
    )
    campaigns: tuple[str, ...] = Field(default=_ALL, description="Campaigns whose calls are read", min_length=1)
    in_groups: tuple[str, ...] = Field(
        default=_ALL,
        description="In-groups whose calls are read. Named in-groups also tell get_call_log's inbound rows apart",
    )
    hours_per_read: int = Field(default=2, ge=1, le=24, description="Hours of calls that one request asks for")
    history_days: int = Field(
        default=90, ge=1, le=3660, description="How many days back the first read of all calls goes"
    )
    archive_after_days: int | None = Field(
        default=1,
        ge=0,
        description="Calls that began longer ago are looked for in VICIdial's archive tables as well: some sites move "
        "them there each night. 0: all calls, empty: none. get_call_log has no say in it",
    )
    archived_calls: bool = Field(default=False, description="The same as `archive_after_days: 0`")
    status_flags: dict[str, Annotated[str | dict[str, str], AfterValidator(_known_flags)]] = Field(
        default_factory=dict,
        description="Meaning of the site's own statuses: status → flags separated by spaces, or status → campaign or "
        f"in-group → flags, `{flags.EVERYWHERE}` for all others. Flags: {', '.join(flags.WORDS)}",
    )
    unknown_status: Literal["pass", "hold"] = Field(
        default="pass",
        description="What becomes of a call whose status nobody has told the meaning of: it goes to the CRM without "
        "flags (`pass`), or is held until a person has told (`hold`)",
    )
    connections: int = Field(
        default=4,
        ge=1,
        le=32,
        description="Requests in flight at once. One user never has more than 6 under way in all: should the password "
        "stop being right, they are counted as wrong logins, and VICIdial locks the user at ten",
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="How long connecting may take")
    read_seconds: float = Field(default=30.0, gt=0, description="How long an answer may take")
    find_lag_seconds: float = Field(
        default=120.0,
        ge=0,
        description="How much later a request may still be applied after we gave up on it; longer than the web "
        "server's own limit for a request",
    )
    ca_file: str | None = Field(default=None, description="File with the certificates to trust instead of the system's")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError("no IANA time zone of that name; for example America/New_York") from None
        return value

    @field_validator("opt_out_lists")
    @classmethod
    def _dnc_lists(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if item != SYSTEM and not re.fullmatch(_CAMPAIGN, item):
                raise ValueError("a do-not-call list is `system` or a campaign of 2 to 8 letters and digits")
        return value

    @model_validator(mode="after")
    def _sql_has_a_database(self) -> Options:
        if self.call_source == "sql" and self.database is None:
            raise ValueError("`call_source: sql` needs `database`: where VICIdial's database is, and a user of it")
        return self

    @field_validator("lists")
    @classmethod
    def _list_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            if not is_list_id(item):
                raise ValueError("a list id has 3 to 14 digits")
        return value

    @property
    def exact_email(self) -> str | None:
        """The custom field for exact e-mails, None where there is none."""
        kind, _, label = self.plus_emails.partition(":")
        return label if kind == "custom" else None

    @model_validator(mode="after")
    def _can_read_calls(self) -> Options:
        if self.call_source == "get_call_log" and self.functions.get("get_call_log") is False:
            raise ValueError("`call_source: get_call_log` and `functions: {get_call_log: false}` exclude each other")
        return self

    def name_of(self, function: str) -> str | None:
        """The name under which the server is asked for a function; None where it must not be used."""
        name = self.functions.get(cast("Addition", function), _NAMES.get(function, function))
        return None if name is False else name

    def zone(self) -> ZoneInfo | None:
        """The server's time zone, None where none is given."""
        return ZoneInfo(self.time_zone) if self.time_zone else None


def is_list_id(value: str) -> bool:
    """Whether VICIdial takes the value as a list; of anything else it makes list 999 without a word."""
    return re.fullmatch(r"[1-9]\d{2,13}", value) is not None
