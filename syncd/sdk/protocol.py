"""The connector protocol: what a CRM or dialer must offer, and the extras found by `isinstance`.

Nothing to inherit. A connector is made by `Class(options, client="acme")`, must not do I/O before its first call, and
may be used by one thread at a time (it may use threads inside one call).

Before each request a connector calls `fence.check(timeout_seconds)`; `sdk.http` does so by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel

from syncd.sdk.errors import Problem, SyncdError
from syncd.sdk.records import Change, Cursor, FieldInfo, Fields, Outcome, Page, Record, StreamSpec, SyncKey

Role = Literal["crm", "dialer"]


class Connector(Protocol):
    """One far system of one client."""

    Options: ClassVar[type[BaseModel]]
    role: ClassVar[Role]

    @property
    def streams(self) -> Mapping[str, StreamSpec]:
        """The streams that this instance offers, by name ("leads", "calls")."""

    def clock(self) -> datetime:
        """The far system's own time (aware, UTC). Raises AuthFailed, RetryLater."""

    def check(self) -> list[Problem]:
        """What would keep this connector from working: reachability, credentials, permissions, configured names.
        Never raises for what it finds; must not change anything and must not risk an account lock-out."""

    def pull(self, stream: str, since: Cursor | None, until: datetime, fields: Sequence[str]) -> Iterator[Page]:
        """All records changed at or after `since` (None: all) and before or at `until`, oldest first.

        `fields` names the fields the caller will look at. Records may repeat; none may be missing. A page's cursor
        never goes back and differs from the one before. `since` has an id only where it is the cursor of an earlier
        page and nothing up to it can show late any more: what was read up to that page may then be left out, which
        spares a backfill of many records with one time from reading them again and again. Raises AuthFailed,
        RetryLater, QuotaExhausted."""

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[Record]:
        """The records of these ids that exist, in any order; deleted ones have `deleted` set or are absent. It may use
        what is kept in reserve of a budget: a record is read before something urgent is written to it."""

    def find(self, stream: str, key: SyncKey, near: Fields) -> list[Record]:
        """All records that carry `key` (and its marker, where it has one); `near` has the spec's `near` fields."""

    def write(self, stream: str, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Apply the changes; one outcome per change, in order, errors included. Raising means all are Ambiguous."""

    def close(self) -> None:
        """Release connections; may be called twice."""


@runtime_checkable
class Canonicalises(Protocol):
    """Extra: knows how the far system will store what is sent."""

    def canonical(self, stream: str, fields: Fields) -> dict[str, str | None]:
        """Given fields as they would be sent, return them as they would be read back afterwards."""


@runtime_checkable
class FindsMany(Protocol):
    """Extra: can look up many keys in few requests."""

    def find_many(self, stream: str, keys: Sequence[tuple[SyncKey, Fields]]) -> list[list[Record]]:
        """`find` for each, in order."""


@runtime_checkable
class Adopts(Protocol):
    """Extra: its records may have been made by somebody else. They can be found without a key, and be given one: its
    `write` takes a change that `plants`."""

    def having(
        self, stream: str, field: str, values: Collection[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Value → all records that hold just this in `field`, one of the spec's `near` or its key field; values that
        none has may be left out. Raises AuthFailed, RetryLater."""


@runtime_checkable
class ListsFields(Protocol):
    """Extra: knows the fields of a stream."""

    def fields(self, stream: str) -> Mapping[str, FieldInfo]:
        """Field name → what is known of it. Raises AuthFailed, RetryLater, UserError."""


@runtime_checkable
class ChecksValues(Protocol):
    """Extra: knows which values of a field exist on the far side (a dialer's lists, a CRM's owners)."""

    def check_values(self, stream: str, values: Mapping[str, Collection[str]]) -> list[Problem]:
        """Each mapped field → the fixed values that may be written to it; a problem's place is the field. Like `check`,
        and asked only after it found nothing fatal."""


@runtime_checkable
class KeepsDnc(Protocol):
    """Extra: a dialer's do-not-call lists. A number is given without its calling code; lists go by name."""

    def dnc_lists(self) -> Sequence[str]:
        """The lists that get the numbers of people who opt out."""

    def dnc_listed(self, number: str, phone_code: str) -> list[str]:
        """The lists that keep the number from being dialled. Raises AuthFailed, RetryLater."""

    def dnc_add(self, number: str, lists: Sequence[str]) -> None:
        """Put it on these lists; fine where it is. Raises AuthFailed, RetryLater, Rejected, Ambiguous."""

    def dnc_remove(self, number: str, lists: Sequence[str]) -> list[str]:
        """Take it off these lists, at an operator's word only; returns those it was on. Raises as `dnc_add`."""


@runtime_checkable
class FindsRecordings(Protocol):
    """Extra: a dialer that records calls. A recording has the fields `url`, `recording_id`, `filename`, `started_at`
    (an instant), `length_in_sec` and `user`; `url` is blank while there is no link yet."""

    @property
    def recordings_by(self) -> Sequence[str]:
        """The fields of a call that `recordings` looks at."""

    @property
    def recordings_words(self) -> Mapping[str, str]:
        """What an archive of recordings is sorted and filtered by: of the words "campaign", "agent", "status" and
        "unique" (a call's id that holds no personal data), those that the dialer has → the field of a call."""

    def check_recordings(self) -> list[Problem]:
        """What would keep them from being looked up; like `check`, and asked only where recordings are wanted."""

    def recordings(self, calls: Sequence[Record]) -> Sequence[list[Record] | SyncdError]:
        """For each call, in order, its recordings, oldest first: an empty list only where the far system says that
        there are none (yet), an error for any answer that says neither. Raises LeaseLost."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to set up on the far side: `what` for a person to read first, `id` for the connector."""

    id: str
    what: str


@runtime_checkable
class SetsUp(Protocol):
    """Extra: can make on the far side what it needs there (a unique property, an external id field)."""

    def missing(self) -> list[Step]:
        """What is not there yet; changes nothing. Raises AuthFailed, RetryLater."""

    def set_up(self, step: Step) -> None:
        """Make it; fine if it is there by now. Raises AuthFailed, RetryLater, Rejected."""


class Memory(Protocol):
    """Small texts by name that outlive the process, shared by all connectors of one state store: a name says whose it
    is (a far system and a user, a client). Not for secrets or personal data. Safe in threads; no request may be under
    way in a call of it, and each call is a transaction of its own."""

    def now(self) -> datetime:
        """The time (aware, UTC) by which what is remembered is dated."""

    def get(self, name: str) -> str | None:
        """The text of that name; None if there is none."""

    def change(self, name: str, how: Callable[[str | None], str | None]) -> str | None:
        """Put what `how` makes of the present text in its place, None for nothing, and return it. Nobody else changes
        it in between, in whatever process."""


@runtime_checkable
class Remembers(Protocol):
    """Extra: learns something about the far system that is worth keeping."""

    def remember(self, memory: Memory) -> None:
        """Use this memory from now on. Called before the first request, by whoever shares one among connectors; without
        it a connector has its own (`sdk.memory.InMemory`)."""

    def recalls(self) -> Sequence[str]:
        """What the memory holds about the far system, in lines for a person. Sends no request."""

    def try_again(self) -> None:
        """An operator says that what was refused (a login) is mended: the next request may try it."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a client's pipelines make of one of its systems.

    `reads`: stream → fields that are looked at. `writes`: stream → field → the fixed values that may be written to it.
    `people`: the users (dialer) or owners (CRM) whom the configuration names. `recordings`: those of calls are looked
    up (`FindsRecordings`). `statistics`: live ones are read (`TellsStatistics`)."""

    reads: Mapping[str, Collection[str]] = field(default_factory=dict)
    writes: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    people: Collection[str] = ()
    recordings: bool = False
    statistics: bool = False


FindingState = Literal["found", "missing", "excess", "unknown", "not_needed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `what` names it in the far system's own words, `said` is what was seen of it,
    `fix` how to change it there, `where` the option that names it.

    `state`: "found"; "missing", what is configured cannot work like this; "excess", more is allowed than is needed;
    "unknown", it cannot be seen; "not_needed", nothing that is configured uses it."""

    what: str
    state: FindingState
    said: str = ""
    fix: str = ""
    where: str = ""


@runtime_checkable
class Examines(Protocol):
    """Extra: can tell of each permission and each configured name whether it is there, and whether it is needed."""

    def examine(self, use: Use) -> list[Finding]:
        """Like `check`, in more detail and for just this use; `check` need not be asked besides. Never raises for what
        it finds, changes nothing, and a login that is refused is tried once at most."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an action takes. `type` is a word for people, with its limits; `choices`: the texts that it may be.

    `private`: "personal" (a phone number, a name) or "secret" (a password) keeps it off command lines and out of logs
    and errors."""

    name: str
    help: str
    type: str = "text"
    choices: tuple[str, ...] = ()
    required: bool = False
    private: Literal["", "personal", "secret"] = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an agent's screen can be told; `help` is a line."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()


@runtime_checkable
class CommandsAgents(Protocol):
    """Extra: can tell the screens of people who work on the far side (a dialer's agents) what to do."""

    def agent_actions(self) -> Sequence[Action]:
        """What can be told, in the order to be listed; does no I/O."""

    def command_agent(self, action: str, user: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """Carry out an action for an agent: parameter → text; returns what there is to say of it, name → text.

        Never sends it twice. Surely not done: Rejected (values), NotNow (the agent's state), Screened, Missing,
        LoginRefused and other AuthFailed, RetryLater. Ambiguous: it may have been done, so somebody has to look before
        it is repeated."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How one group of people who make or take calls is doing; what the far side does not tell is None, never 0.

    `leg`: "out" (they call) or "in" (they are called). `calls_waiting`: people who wait for somebody to talk to.
    `abandon_percent`: of today's calls, those lost before anybody was there to talk; `answer_seconds`: how long callers
    waited today for an answer, on average. Today is the far side's."""

    group: str
    leg: Literal["out", "in"]
    calls_waiting: int | None = None
    agents_available: int | None = None
    agents_logged_in: int | None = None
    agents_in_calls: int | None = None
    agents_paused: int | None = None
    abandon_percent: float | None = None
    answer_seconds: float | None = None
    calls_today: int | None = None


@runtime_checkable
class TellsStatistics(Protocol):
    """Extra: knows how calls are going just now."""

    def check_statistics(self) -> list[Problem]:
        """What would keep them from being read; like `check`, and asked only where statistics are configured and
        `check` found nothing fatal."""

    def statistics(self) -> Sequence[Statistics]:
        """Each group once, those that call first; one request in flight. Raises LoginRefused and other AuthFailed (a
        permission), RetryLater, also where an answer cannot be understood."""


CircumstanceState = Literal["prevents", "delays", "unknown", "fine"]


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Something that decides whether a record is being dialled, as it is now. `code` is a short word for programs,
    `said` a sentence for people without personal data, `fix` what to do about it.

    `state`: "prevents", until somebody changes it; "delays", it passes by itself; "unknown", it cannot be seen (`fix`
    says what it needs); "fine"."""

    code: str
    state: CircumstanceState
    said: str
    fix: str = ""


@runtime_checkable
class ExplainsDialling(Protocol):
    """Extra: a dialer that can say what keeps a lead from being dialled. What cannot be seen is said to be unknown,
    never guessed; changes nothing."""

    def circumstances(self, lead_id: str) -> Sequence[Circumstance]:
        """All that decides about this lead, in the order in which it is to be looked at; also of one that is gone.
        Raises LoginRefused; what else is refused is "unknown"."""

    def leads_with(self, number: str, phone_code: str) -> Sequence[str]:
        """The leads that have this number, oldest first. Raises AuthFailed, RetryLater."""

    def calls_of(self, lead_id: str, most: int) -> Sequence[Record]:
        """The newest calls of a lead as the stream "calls" has them, oldest first, at most so many. Raises AuthFailed,
        RetryLater, UserError."""

    def call_beginnings(self, text: str) -> Sequence[str]:
        """How the ids of calls in the stream "calls" may begin that people call by this text; does no I/O."""


@runtime_checkable
class Erases(Protocol):
    """Extra: a dialer that can delete leads, for people who want to be forgotten."""

    def events_of(self, lead_id: str) -> Sequence[str]:
        """The ids of the lead's calls and callbacks in their streams, as far as the far side tells. Raises AuthFailed,
        RetryLater, UserError."""

    def erase(self, lead_id: str, holding: Fields) -> None:
        """Take a lead out of dialling, then delete it with all that goes with it; fine where it is gone. It must hold
        these values still, else it is another one: Rejected. Raises AuthFailed, RetryLater (also while the lead is in a
        call), Ambiguous (it may be deleted: to be called again)."""

    def left_by_hand(self, lead_ids: Sequence[str]) -> Sequence[str]:
        """What is left of erased leads, and how administrators get rid of it; sentences, without I/O."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many of a limited number of requests are used. `renewed_at`: when it begins anew; None: bit by bit, or nobody
    knows."""

    used: int
    total: int
    renewed_at: datetime | None = None


@runtime_checkable
class TellsBudget(Protocol):
    """Extra: its requests are limited (by the day, for example), and it hears how many are left."""

    def budget(self) -> Budget | None:
        """What the last answers told; None where they have not. Sends nothing; any thread may ask."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of a stream's records, and the place to go on from; None at the end."""

    records: Sequence[Record]
    after: str | None


@runtime_checkable
class Lists(Protocol):
    """Extra: can go through all records of a stream, for a full comparison."""

    def unlistable(self, stream: str, fields: Sequence[str]) -> str:
        """Why the stream cannot be gone through with these fields, for a person to read; "" where it can. Raises
        AuthFailed (a login that is refused), RetryLater."""

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> Listing:
        """About `limit` records behind `after` ("": from the beginning), in an order that does not change while the
        stream is gone through: what is made meanwhile may be missing, nothing else. Of a stream that has a key field,
        records whose key is blank may be left out. Raises as `get`."""


@dataclass(frozen=True, slots=True)
class CallDay:
    """A day of the far side's calendar: its calls began at or after `begins` and before `ends`."""

    date: date
    begins: datetime
    ends: datetime


@runtime_checkable
class CountsCalls(Protocol):
    """Extra: a dialer that counts calls itself, by day, group (campaign, in-group) and status."""

    def call_days(self, since: datetime, until: datetime) -> Sequence[CallDay]:
        """The days that are whole between these two, oldest first; does no I/O."""

    def counted_as(self, call: Record) -> tuple[str, str]:
        """The group, as `call_counts` names it, and the status that a call counts for."""

    def call_counts(self, day: CallDay) -> Mapping[str, Mapping[str, int]]:
        """Group → status → number of calls, of those groups that the far side tells of. Raises AuthFailed,
        RetryLater."""


@dataclass(frozen=True, slots=True)
class Example:
    """What config.example.yaml and `syncd init` show of a connector: YAML lines at the left margin, with comments.

    `options`: its part of a client, without `type`; options that are not in it are listed below with their defaults.
    `pipelines`: pipeline → keys of that pipeline which depend on the connector's fields (`fields`, `where`, …); a CRM
    gives them, written for VICIdial's field names. `needs`: stream → options that it takes although they may be left
    out, `values`: field of a created record → what it is, where it needs a value that only a person knows: for
    `syncd init` to ask for.
    """

    options: str
    pipelines: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class ShowsExample(Protocol):
    """Extra: an attribute of the class; without it the example lists the options alone."""

    EXAMPLE: ClassVar[Example]
