"""VICIdial as a dialer: leads out through the non-agent API, calls back from the call log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import BaseModel

from syncd.sdk import errors, protocol, records
from syncd.sdk.memory import InMemory
from syncd_vicidial import (
    all_info,
    answers,
    callback_stream,
    callbacks,
    check,
    clock,
    counting,
    custom,
    custom_check,
    dial_tables,
    dialling,
    dnc,
    erasing,
    examine,
    example,
    having,
    lead_writing,
    listing,
    names,
    recordings,
    sql_calls,
    statistics_check,
    statuses,
    text,
)
from syncd_vicidial import calls as call_stream
from syncd_vicidial import leads as lead_stream
from syncd_vicidial import options as settings
from syncd_vicidial.agent import AgentApi, catalogue, generic
from syncd_vicidial.api import Api
from syncd_vicidial.capabilities import Capabilities
from syncd_vicidial.database import Database
from syncd_vicidial.flags import Flags
from syncd_vicidial.statistics import Statistics

_HOUR = 3600.0


class VicidialConnector:
    """One VICIdial server; see `protocol.Connector`. Streams: "leads" (written, looked up), "calls" and
    "callbacks" (read)."""

    Options: ClassVar[type[BaseModel]] = settings.Options
    role: ClassVar[protocol.Role] = "dialer"
    EXAMPLE: ClassVar[protocol.Example] = example.EXAMPLE

    def __init__(self, options: settings.Options, *, client: str) -> None:
        self.client = client
        self._options = options
        self._api = Api(options, client=client)
        self.capabilities = Capabilities(self._api, options, InMemory())
        self._misread: errors.Problem | None = None
        self._dnc = dnc.Dnc(self._api, options)
        self._database = _database(options)
        if options.database is None or self._database is None:
            self._flags, sql = Flags(options.status_flags, unknown=options.unknown_status), None
        else:
            read = statuses.Statuses(self._database, options.database.flags_seconds)
            self._flags = Flags(options.status_flags, read, unknown=options.unknown_status)
            sql = sql_calls.SqlCalls(self._database, options.database.rows_per_read)
        self._words = text.Words.of(options)
        self._custom = custom.CustomFields(self._api, self._words)
        self._leads = lead_stream.Leads(self._api, options, self._flags, self.capabilities, self._words, self._custom)
        self._calls = call_stream.Calls(self._api, options, self._flags, self.capabilities, sql)
        self._callbacks = callbacks.Callbacks(self._api, options)
        self._booked = callback_stream.CallbackStream(self._api, options, self._calls, self._leads)
        self._writer = lead_writing.Writer(self._api, options, self._leads, self._flags, self._words, self._custom)
        self._having = having.Having(self._leads, self._database)
        self._statistics = Statistics(self._api, options, self.capabilities)
        self._listing = listing.Listing(self._leads, self._database)
        self._counting = counting.Counting(options, self._statistics)
        self.agents = AgentApi(self._api, self._leads, options, self._flags)
        tables = dial_tables.Tables(self._database) if self._database is not None else None
        self._dialling = dialling.Dialling(self._api, options, self._leads, self._calls, tables)
        self._erasing = erasing.Erasing(self._api, options, self._leads, self._booked, self._dialling, self._flags)
        self._recordings = recordings.Recordings(self._api, options, self.capabilities)

    @property
    def streams(self) -> Mapping[str, records.StreamSpec]:
        """A call changes for hours: the last hour is read each time, 4 h 30 min every half hour (a disposition may
        rewrite rows up to four hours old), 48 h every day (corrections by managers)."""
        lag = self._options.find_lag_seconds
        return {
            "leads": records.StreamSpec(
                readable=False,
                writable=True,
                batch_size=100,
                find_lag_seconds=lag,
                phone=("phone_code", "phone_number"),
                near=("phone_number",),
                key_field=names.KEY_FIELD,
                marker_field=names.MARKER_FIELD,
                worked_field="called_count",
                flags_field=names.FLAGS_FIELD,
                appointment=callbacks.NAMES,
                works_on=("status", "user", "called_count", "last_local_call_time"),
                person=("first_name", "last_name"),
                places=("list_id", "status", names.HOPPER_FIELD),
                keeps_out=bool(self._options.opt_out_lists),
            ),
            "calls": records.StreamSpec(
                overlaps=((0.0, _HOUR), (_HOUR / 2, 4.5 * _HOUR), (24 * _HOUR, 48 * _HOUR)),
                find_lag_seconds=lag,
                parent=("lead_id", names.KEY_FIELD),
                occurred_field="call_date",
                length_field="length_in_sec",
                flags_field="flags",
            ),
            "callbacks": records.StreamSpec(
                overlaps=((0.0, _HOUR), (_HOUR / 2, 4.5 * _HOUR)),
                find_lag_seconds=lag,
                parent=("lead_id", names.KEY_FIELD),
                occurred_field="entered_at",
            ),
        }

    def clock(self) -> datetime:
        """The web server's time. Needs no login. Raises AuthFailed, RetryLater."""
        text = self._api.version()
        self.capabilities.seen(text)
        told = answers.version(text)
        self._misread = clock.misread(told, self._options)
        return datetime.fromtimestamp(int(told["EPOCH"]), UTC)

    def check(self) -> list[errors.Problem]:
        """See `protocol.Connector.check`; one login is at risk at most."""
        database = check.database(self._database, self._flags) if self._database is not None else []
        readable = not any(problem.fatal for problem in database)
        return [*check.run(self._api, self._calls, self._options, read_calls=readable), *database]

    def examine(self, use: protocol.Use) -> list[protocol.Finding]:
        """See `protocol.Examines`; one login is at risk at most."""
        return examine.Examination(self._api, self._options, self.capabilities, self._custom, use).run()

    def check_values(self, stream: str, values: Mapping[str, Collection[str]]) -> list[errors.Problem]:
        """Whether the lists exist that a mapping puts leads into, with the custom fields that it names, whether names
        will lose letters, and whether callbacks can be booked."""
        if stream != "leads":
            return []
        return [
            *check.bookable(self._api, self._options, values),
            *check.mapped_lists(self._api, values.get("list_id", ())),
            *custom_check.problems(self._custom, self._options, values),
            *check.lost_letters(self._options, values),
        ]

    def pull(
        self, stream: str, since: records.Cursor | None, until: datetime, fields: Sequence[str]
    ) -> Iterator[records.Page]:
        """Calls by their start, callbacks by the calls that ended with them; leads cannot be read by change, VICIdial
        keeps no usable time of one. Raises RetryLater as long as the server's clock, when `clock` last looked, was in
        another zone than the options name."""
        if self._misread is not None:
            raise errors.RetryLater(f"calls are not read: {self._misread}")
        if stream == "callbacks":
            return self._booked.pull(since, until)
        if stream != "calls":
            raise errors.ContractViolation(f"stream {stream!r} of VICIdial cannot be pulled")
        return self._calls.pull(since, until)

    def get(self, stream: str, ids: Sequence[str], fields: Sequence[str] = ()) -> list[records.Record]:
        """The leads or callbacks of these ids that exist. Raises AuthFailed, RetryLater."""
        if stream == "callbacks":
            return self._booked.get(ids)
        self._only_leads(stream)
        return self._leads.get(ids, fields)

    def find(self, stream: str, key: records.SyncKey, near: records.Fields) -> list[records.Record]:
        """The leads that carry the key and its marker, through the phone in `near`. Raises AuthFailed, RetryLater."""
        return self.find_many(stream, [(key, near)])[0]

    def find_many(
        self, stream: str, keys: Sequence[tuple[records.SyncKey, records.Fields]]
    ) -> list[list[records.Record]]:
        """`find` for each, in order; up to 50 phones are looked up in one request."""
        self._only_leads(stream)
        return self._leads.find(keys)

    def having(
        self, stream: str, field: str, values: Collection[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[records.Record]]:
        """See `protocol.Adopts`. By phone VICIdial has an index; by key it reads its whole table of leads, once for 50
        keys (500 in its database)."""
        self._only_leads(stream)
        return self._having.having(field, values, fields)

    def write(self, stream: str, changes: Sequence[records.Change]) -> Sequence[records.Outcome]:
        """Apply the changes to leads, several in flight; one outcome per change, in order."""
        self._only_leads(stream)
        return self._writer.write(changes)

    def canonical(self, stream: str, fields: records.Fields) -> dict[str, str | None]:
        """What `get` will read of these fields once they are written."""
        if stream != "leads":
            return dict(fields)
        booked = self._callbacks.canonical(fields)
        return {name: self._foretold(name, value, booked) for name, value in fields.items()}

    def _foretold(self, name: str, value: str | None, booked: records.Fields) -> str | None:
        if name in text.FIELDS:
            return self._words.canonical(name, value)
        return booked.get(name, value) if name in custom.STANDARD else self._custom.canonical(value)

    def fields(self, stream: str) -> Mapping[str, records.FieldInfo]:
        """Fields of a stream; of leads those that can be written, custom ones included, and those that can only be
        read. Standard names win. Custom fields are left out where the user may not see them. Raises RetryLater."""
        if stream != "leads":
            return call_stream.FIELDS if stream == "calls" else callback_stream.FIELDS
        read_only = dict.fromkeys(all_info.COLUMNS, records.FieldInfo(writable=False))
        meaning = {names.FLAGS_FIELD: call_stream.FIELDS["flags"]}
        priority = records.FieldInfo("integer -99 to 99, for new leads")
        standard = {**read_only, **meaning, **text.FIELDS, **callbacks.FIELDS, names.HOPPER_FIELD: priority}
        try:
            return {**self._custom.infos(), **standard}
        except answers.LoginRefused:
            raise
        except errors.AuthFailed:
            return standard

    def dnc_lists(self) -> Sequence[str]:
        """See `protocol.KeepsDnc`."""
        return self._options.opt_out_lists

    def dnc_listed(self, number: str, phone_code: str) -> list[str]:
        """The server's list, area codes included, and the campaign's. Raises AuthFailed, RetryLater."""
        return self._dnc.listed(number, phone_code)

    def dnc_add(self, number: str, lists: Sequence[str]) -> None:
        """Put it on `system` or campaigns' lists. Raises AuthFailed, RetryLater, Rejected, Ambiguous."""
        self._dnc.add([number], lists)

    def dnc_remove(self, number: str, lists: Sequence[str]) -> list[str]:
        """Take it off; the user needs delete_from_dnc. Raises as `dnc_add`."""
        return self._dnc.remove(number, lists)

    def statistics(self) -> Sequence[protocol.Statistics]:
        """Campaigns and in-groups as they are now; see `protocol.TellsStatistics`."""
        return self._statistics.read()

    def check_statistics(self) -> list[errors.Problem]:
        """Whether the user may call the functions that they are read with."""
        return list(statistics_check.problems(self.capabilities, self._options))

    def circumstances(self, lead_id: str) -> Sequence[protocol.Circumstance]:
        """What keeps a lead from being dialled; see `protocol.ExplainsDialling`."""
        return self._dialling.circumstances(lead_id)

    def leads_with(self, number: str, phone_code: str) -> Sequence[str]:
        """The leads that have this number, oldest first. Raises AuthFailed, RetryLater."""
        return self._dialling.leads_with(number, phone_code)

    def calls_of(self, lead_id: str, most: int) -> Sequence[records.Record]:
        """The newest calls of a lead, oldest first. Raises AuthFailed, RetryLater, UserError."""
        return self._dialling.calls_of(lead_id, most)

    def call_beginnings(self, text: str) -> Sequence[str]:
        """How the ids of calls with this uniqueid begin."""
        return self._dialling.call_beginnings(text)

    def unlistable(self, stream: str, fields: Sequence[str]) -> str:
        """See `protocol.Lists`: leads, with `database:`."""
        return self._listing.unlistable(fields) if stream == "leads" else f"{stream} of VICIdial are not listed"

    def listed(self, stream: str, fields: Sequence[str], after: str, limit: int) -> protocol.Listing:
        """Leads in the order of their ids; see `protocol.Lists`."""
        self._only_leads(stream)
        return self._listing.listed(fields, after, limit)

    def call_days(self, since: datetime, until: datetime) -> Sequence[protocol.CallDay]:
        """Days by the server's clock, see `protocol.CountsCalls`."""
        return self._counting.days(since, until)

    def counted_as(self, call: records.Record) -> tuple[str, str]:
        """See `protocol.CountsCalls`."""
        return self._counting.counted_as(call)

    def call_counts(self, day: protocol.CallDay) -> Mapping[str, Mapping[str, int]]:
        """What `call_status_stats` says of a day; the user needs level 9 and view_reports."""
        return self._counting.counts(day)

    def events_of(self, lead_id: str) -> Sequence[str]:
        """The ids of a lead's calls and callbacks. Raises AuthFailed, RetryLater, UserError."""
        return self._erasing.events_of(lead_id)

    def erase(self, lead_id: str, holding: records.Fields) -> None:
        """Delete a lead with its callbacks and custom values; see `protocol.Erases`."""
        self._erasing.erase(lead_id, holding)

    def left_by_hand(self, lead_ids: Sequence[str]) -> Sequence[str]:
        """What is left of deleted leads in VICIdial's tables and files."""
        return self._erasing.left_by_hand(lead_ids)

    def agent_actions(self) -> Sequence[protocol.Action]:
        """The functions of the Agent API that `command_agent` knows."""
        return tuple(catalogue.ACTIONS.values())

    def command_agent(self, action: str, user: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """Carry out one of them for an agent; see `protocol.CommandsAgents`."""
        return generic.command(self.agents, action, user, values)

    @property
    def recordings_by(self) -> Sequence[str]:
        """See `protocol.FindsRecordings`."""
        return recordings.NEEDED

    @property
    def recordings_words(self) -> Mapping[str, str]:
        """See `protocol.FindsRecordings`."""
        return recordings.WORDS

    def check_recordings(self) -> list[errors.Problem]:
        """Whether the user may look them up."""
        return self._recordings.check()

    def recordings(self, calls: Sequence[records.Record]) -> Sequence[list[records.Record] | errors.SyncdError]:
        """By uniqueid, else by lead and time; links as `recording_links` says. Raises LeaseLost."""
        return self._recordings.find(calls)

    def remember(self, memory: protocol.Memory) -> None:
        """Keep in this memory which logins were refused and what the server can do."""
        self._api.logins.remember(memory)
        self.capabilities.remember(memory)

    def recalls(self) -> list[str]:
        """What the server can do, as far as it has been asked."""
        return self.capabilities.recalls()

    def try_again(self) -> None:
        """Let the next request try a login that was refused."""
        self._api.logins.try_again()

    def close(self) -> None:
        """Release connections."""
        self._api.close()
        if self._database is not None:
            self._database.close()

    def _only_leads(self, stream: str) -> None:
        if stream != "leads":
            raise errors.ContractViolation(f"stream {stream!r} of VICIdial has no single records to look up or write")


def _database(options: settings.Options) -> Database | None:
    """VICIdial's database where the options name one, with the tables that are read there."""
    if options.database is None:
        return None
    archive = options.archived_calls or options.archive_after_days is not None
    calls = sql_calls.needed(archive=archive) if options.call_source == "sql" else {}
    return Database(options.database, {**calls, **statuses.NEEDED})
