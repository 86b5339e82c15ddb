"""The configuration file as models: each key with its type, default and one sentence on what it is for."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    SecretStr,
    SkipValidation,
    StringConstraints,
    field_validator,
    model_validator,
)

from syncd.config import yaml_nodes
from syncd.config.fields import FieldMap, Model, Tests
from syncd.config.scalars import Duration, Name, Region, Share, Shown, Start, Text, Wrong, Zone
from syncd.core import model
from syncd.sdk.errors import Problem

_LIMITS = model.GuardLimits()
_STORES = "use sqlite:////path/file.db or postgresql://user:password@host/name"
CLIENT_NAME = re.compile(r"^[a-z0-9_-]{1,32}$")
ClientName = Annotated[str, StringConstraints(pattern=CLIENT_NAME.pattern), Shown("name")]


class Log(Model):
    """What syncd says of itself, on standard error."""

    format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or coloured text for people"
    )
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least important lines shown")


class Guard(Model):
    """How much may change within an hour before a person must look (`syncd resume` lets it pass). A number and its
    share of all linked records must both be exceeded."""

    max_removes: int | None = Field(
        _LIMITS.max_removes, ge=0, description="Leads that may be taken out of dialling; empty for no limit"
    )
    max_removes_share: Share = Field(_LIMITS.max_removes_share, ge=0, le=1, description="The same, as a share")
    max_emptied: Share = Field(
        _LIMITS.max_emptied,
        ge=0,
        le=1,
        description="From five leads on, this share of them is too much whatever `max_removes` says: the CRM looks "
        "empty",
    )
    max_updates: int | None = Field(
        _LIMITS.max_updates, ge=0, description="Records that may be updated; empty for no limit"
    )
    max_updates_share: Share = Field(_LIMITS.max_updates_share, ge=0, le=1, description="The same, as a share")
    max_phones: int | None = Field(
        _LIMITS.max_phones, ge=0, description="Leads that may get another phone number; empty for no limit"
    )
    max_phones_share: Share = Field(_LIMITS.max_phones_share, ge=0, le=1, description="The same, as a share")
    max_blanked: int | None = Field(
        _LIMITS.max_blanked,
        ge=0,
        description="Records in which one and the same field may become blank; empty for no limit",
    )
    max_blanked_share: Share = Field(_LIMITS.max_blanked_share, ge=0, le=1, description="The same, as a share")

    def limits(self) -> model.GuardLimits:
        """The core's limits."""
        return model.GuardLimits(**{one.name: getattr(self, one.name) for one in dataclasses.fields(model.GuardLimits)})


class LeadsGuard(Guard):
    """That of `leads`: what it overwrites on the dialer, nothing brings back."""

    max_updates: int | None = Field(
        1000, ge=0, description="Records that may be updated; empty for no limit, as it is for the other pipelines"
    )


class Pipeline(Model):
    """What all pipelines have in common."""

    start: Start = Field(
        description="From when on changes count: `all` (everything that is there), `now`, a date or an instant. There "
        "is no default, so that the first day cannot dial a whole CRM by accident"
    )
    fields: FieldMap = Field(description="The mapping: target field → where its value comes from")
    every: Duration = Field(30.0, description="How often the source is asked")
    mode: Literal["live", "shadow"] = Field("live", description="`shadow` does everything except writing to the target")
    where: Tests | None = Field(None, description="Only records of the source for which this holds")
    guard: Guard = Field(default_factory=Guard, description="When too much changes at once")


class Leads(Pipeline):
    """`pipelines.leads`: records of the CRM become leads of the dialer."""

    guard: LeadsGuard = Field(default_factory=LeadsGuard, description="When too much changes at once")
    opt_out: Tests | None = Field(
        None,
        description="The CRM's do-not-call mark: such a record is never inserted, and its lead is taken out of "
        "dialling first of all. A value that reads neither as yes nor as no (`X`, a date) keeps out of dialling, too, "
        "but puts no number onto a do-not-call list",
    )
    consent: Tests | None = Field(
        None,
        description="What must hold for a record to be dialled at all, for example {consent: true}; nobody is inserted "
        "without it, and a lead whose consent goes is taken out of dialling",
    )
    shared_phone: Literal["hold", "allow"] = Field(
        "hold", description="A phone that several records share: hold all but the first, or make a lead of each"
    )


class Calls(Pipeline):
    """`pipelines.calls`: each call of a linked lead becomes one record in the CRM. The source has one field more than
    the dialer: `crm_id`, the id of the CRM record that was called."""


class Dispositions(Pipeline):
    """`pipelines.dispositions`: the newest call of a lead changes its CRM record. The source also has `crm_id`."""

    on_conflict: Literal["source", "target", "hold"] = Field(
        "source",
        description="A field that changed on both sides: the dialer wins (`source`), the CRM wins (`target`), or a "
        "person decides (`hold`)",
    )
    protect: tuple[Text, ...] = Field(
        ("SALE", "DNC", "DNCL", "DNCC"),
        description="Statuses of the dialer that a weaker or older one never overwrites in the CRM",
    )


class Dnc(Pipeline):
    """`pipelines.dnc`: leads that the dialer itself has marked as do-not-call, without a call that would say so, mark
    their CRM record. The source is the lead. VICIdial tells no changes of leads: some are looked at each time."""

    every: Duration = Field(300.0, description="How often some leads are looked at")
    per_run: int = Field(500, ge=1, le=10_000, description="How many leads are looked at each time, in turn")


class Callbacks(Pipeline):
    """`pipelines.callbacks`: each callback that an agent books becomes one task in the CRM, which follows it. The
    source is the callback and, as with calls, `crm_id`. What the CRM itself had booked does not come back."""

    every: Duration = Field(60.0, description="How often calls are looked through for new callbacks")
    per_run: int = Field(
        200, ge=1, le=10_000, description="How many open callbacks are looked at again each time, in turn"
    )


class Recordings(Pipeline):
    """`pipelines.recordings`: the recording of a call goes to the record that `calls` made of it. The source is the
    call, with `recording_url`, `recording_id`, `recording_filename`, `recording_started_at`, `recording_user` and
    `recording_length_in_sec` of its longest recording, and `recording_count`."""

    first_look: Duration = Field(
        120.0, description="How long after a call's end its recording is looked up first; then with growing pauses"
    )
    give_up: Duration = Field(
        86400.0,
        description="How long after a call's end a recording that has not appeared is given up (`no_recording`)",
    )
    per_run: int = Field(100, ge=1, le=10_000, description="How many calls are looked up in one run at most")


class Edits(Pipeline):
    """`pipelines.edits`: what agents changed in a lead goes to its CRM record, once its call has ended. The source is
    the lead, as it is then: `fields` and `where` speak of the lead's fields."""

    on_conflict: model.EditPolicy = Field(
        "hold",
        description="A field that both sides changed: the CRM wins (`crm`), the agent wins (`dialer`), whoever changed "
        "it last as far as times tell (`newest`), or a person decides (`hold`)",
    )
    policy: dict[Name, model.EditPolicy] = Field(
        default_factory=dict, description="The same for single fields of the CRM, instead of `on_conflict`"
    )

    @model_validator(mode="after")
    def _policy_of_mapped_fields(self) -> Edits:
        for name in self.policy:
            if name not in self.fields:
                raise Wrong(f"`policy` names {name}, which `fields` does not write", "map it, or remove the line")
        return self


class Pipelines(Model):
    """What is kept in step."""

    leads: Leads | None = Field(None, description="CRM → dialer: records become leads")
    calls: Calls | None = Field(None, description="Dialer → CRM: one record for each call")
    dispositions: Dispositions | None = Field(None, description="Dialer → CRM: what a call changes in its CRM record")

    edits: Edits | None = Field(None, description="Dialer → CRM: fields that agents changed in called leads")
    dnc: Dnc | None = Field(None, description="Dialer → CRM: do-not-call marks that no call tells of")
    recordings: Recordings | None = Field(None, description="Dialer → CRM: links to recordings, late")

    callbacks: Callbacks | None = Field(None, description="Dialer → CRM: one task for each callback that agents book")

    @model_validator(mode="after")
    def _at_least_one(self) -> Pipelines:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise Wrong("no pipeline", f"add one of {', '.join(type(self).model_fields)}")
        return self


class System(Model):
    """One far system: the connector's `type`, and beside it that connector's own options."""

    type: str = Field(description="Which connector: `sql`, `vicidial` or another one that is installed")
    options: SkipValidation[BaseModel] = Field(repr=False)


class Statistics(Model):
    """Live statistics of a client's dialer, read by the daemon."""

    every: Duration = Field(30.0, description="How often they are read; a second is the least")

    @model_validator(mode="after")
    def _not_too_often(self) -> Statistics:
        if self.every < 1:
            raise Wrong("every reading is several requests to a live dialer", "let a second pass, or more")
        return self


class Limits(Model):
    """When somebody is told; what is paused and who must not be called but still may be is told in any case."""

    held: int | None = Field(1, ge=1, description="So many held changes of one pipeline; empty for never")
    lag: Duration = Field(900.0, description="A stream of which no run has succeeded for so long")
    silence: Duration | None = Field(
        259200.0,
        description="A stream that is read, but brought nothing new for so long (three days pass a weekend); empty for "
        "never",
    )
    dnc: Duration = Field(
        60.0, description="An opt-out or do-not-call request that has waited for so long to be delivered"
    )
    quota: Share = Field(0.9, ge=0, le=1, description="Requests of a limited budget that are used, as a share")
    drift: int | None = Field(1, ge=1, description="So many differences that the last audit found; empty for never")


class Alerts(Limits):
    """Who is told what needs a person, once when it begins and once when it is over."""

    to: list[SecretStr] = Field(
        default_factory=list,
        description="Addresses of apprise: mailtos://user:password@host?to=ops@example.com, jsons://host/hook, slack://…",
    )
    every: Duration = Field(30.0, description="How often the daemon looks")


def _loopback(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        inside = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise Wrong(
            "not a port of this machine alone", "write 127.0.0.1:9464; let a proxy with a login show it to others"
        )
    return value


class Metrics(Model):
    """Figures for Prometheus."""

    listen: Annotated[str, AfterValidator(_loopback), Shown("address:port")] = Field(
        "127.0.0.1:9464", description="Where they are served, at /metrics; on loopback only"
    )


class Audit(Model):
    """Full comparisons of both sides, `syncd audit`; see docs/audit.md."""

    every: Duration | None = Field(
        None,
        description="How often the daemon makes one (7d); never unless you say so. An hour is the least",
    )
    rate: float = Field(20.0, gt=0, le=1000, description="How many requests a second may begin, to both sides together")
    calls: Duration = Field(30 * 86400.0, description="How far back calls and their activities are compared")

    @model_validator(mode="after")
    def _not_too_often(self) -> Audit:
        if self.every is not None and self.every < 3600:
            raise Wrong("an audit reads everything that is there", "let an hour pass, or more")
        return self


class ClientLimits(Model):
    """How much of the machine and of the far sides one client may use."""

    threads: int | None = Field(
        None, ge=1, description="How many of its streams the daemon runs at once; empty for all of them"
    )
    requests_per_second: float | None = Field(
        None,
        ge=0.1,
        le=1000,
        description="Requests to its CRM and dialer together, evenly in time, of all its streams and backfills; empty "
        "for as many as their answers allow",
    )


_LEAST_KEPT = 2 * 86400.0


class Retention(Model):
    """How long the state store keeps what is over. Links, tombstones, what is held or waits, and what operators did by
    hand stay. `syncd db prune` says how much goes; the daemon deletes once a day."""

    settled: Duration | None = Field(
        7776000.0, description="Changes that were sent or given up, with their events; empty for ever"
    )
    events: Duration | None = Field(
        7776000.0, description="The single steps of such changes, if they are to go sooner; empty for as long as those"
    )
    runs: Duration | None = Field(2592000.0, description="What each run counted; empty for ever")

    @model_validator(mode="after")
    def _not_what_is_needed(self) -> Retention:
        for name in type(self).model_fields:
            kept = getattr(self, name)
            if kept is not None and kept < _LEAST_KEPT:
                raise Wrong(f"`{name}` would delete what guards and look-ups still need", "keep two days (2d) or more")
        return self


class Client(Model):
    """One CRM and one dialer that are kept in step."""

    crm: System = Field(description="Where the people are: a connector's `type` and its options")
    dialer: System = Field(description="Where they are called: a connector's `type` and its options")
    pipelines: Pipelines = Field(description="What is kept in step")
    time_zone: Zone | None = Field(
        None, description="Zone of a `start` without one, for example America/New_York; else UTC"
    )
    phone_region: Region = Field(
        "US", description="Country of phone numbers that are written without their country code"
    )
    agents: dict[Name, Text] = Field(
        default_factory=dict,
        description="Who is who: VICIdial user → owner in the CRM (id or e-mail), for fields that say "
        "`agents: owner` or `agents: user`",
    )
    statistics: Statistics | None = Field(
        None,
        description="Whether the daemon reads live statistics (calls waiting, agents, calls today), and how often: "
        "`{every: 30s}`. Off unless you say so; `syncd stats` works without",
    )

    alerts: Limits | None = Field(
        None, description="Limits of this client instead of those of the whole file: `{lag: 1h, silence: 8h}`"
    )

    audit: Audit | None = Field(
        None,
        description="Whether the daemon compares both sides in full now and then, and how fast: `{every: 7d}`; "
        "`syncd audit` works without",
    )

    @property
    def audit_or_default(self) -> Audit:
        """How audits are made where nothing is said."""
        return self.audit or Audit.model_validate({})

    limits: ClientLimits = Field(
        default_factory=ClientLimits, description="How much it may use at once, beside the other clients"
    )

    @model_validator(mode="after")
    def _each_user_once(self) -> Client:
        if len({user.casefold() for user in self.agents}) < len(self.agents):
            raise Wrong("two users of `agents` differ only in case", "keep one of them; VICIdial ignores case")
        return self


class Settings(Model):
    """The whole file."""

    clients: dict[ClientName, Client] = Field(
        min_length=1,
        description="The clients by name (`a-z`, `0-9`, `_`, `-`, at most 32), unless each has a file of its own: "
        "`clients/NAME.yaml` beside this one",
    )
    store: SecretStr = Field(
        SecretStr("sqlite:////var/lib/syncd/syncd.db"),
        description="Database of syncd's own state: `sqlite:////path/file.db` or `postgresql://user:password@host/name`",
    )

    @field_validator("store", mode="after")
    @classmethod
    def _a_store(cls, value: SecretStr) -> SecretStr:
        scheme, colon, _ = value.get_secret_value().partition("://")
        if not colon:
            raise Wrong("not a database's address", _STORES)
        if scheme.partition("+")[0] not in ("sqlite", "postgresql"):
            raise Wrong(f"{scheme} is not supported", _STORES)
        return value

    stop_seconds: Duration = Field(30.0, description="How long a stopping daemon may finish what it has begun")
    log: Log = Field(default_factory=Log, description="What syncd says of itself")
    metrics: Metrics | None = Field(
        None, description="Figures for Prometheus on a port of this machine: `{listen: 127.0.0.1:9464}`"
    )
    alerts: Alerts = Field(default_factory=Alerts, description="Who is told what needs a person")
    retention: Retention = Field(default_factory=Retention, description="How long the state store keeps what is over")

    _document: yaml_nodes.Document = PrivateAttr(default_factory=lambda: yaml_nodes.Document("configuration"))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is worth a warning although syncd can run."""
        return self._document.problems(fatal=False)

    def problem(
        self,
        path: yaml_nodes.Path,
        what: str,
        fix: str = "",
        *,
        at: Literal["auto", "key"] = "auto",
        fatal: bool = True,
    ) -> Problem:
        """A problem of what stands at `path`, as `file:line:col path.to.key`; `at="key"` means the key itself."""
        place = self._document.place(path, at=at)
        return self._document.problem(path, what, fix, place=place, fatal=fatal)
