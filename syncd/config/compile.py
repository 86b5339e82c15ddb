"""From settings to what the engine runs: connectors and the core's pipelines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Literal, cast
from zoneinfo import ZoneInfo

from syncd.config import fields, identity, models, yaml_nodes
from syncd.core import condition, mapping, model
from syncd.sdk import errors, protocol, records, registry

SIDES: dict[model.Kind, tuple[model.Side, model.Side]] = {
    "leads": (model.Side("crm", "leads"), model.Side("dialer", "leads")),
    "calls": (model.Side("dialer", "calls"), model.Side("crm", "calls")),
    "dispositions": (model.Side("dialer", "calls"), model.Side("crm", "leads")),
    "edits": (model.Side("dialer", "calls"), model.Side("crm", "leads")),
    "dnc": (model.Side("dialer", "leads"), model.Side("crm", "leads")),
    "callbacks": (model.Side("dialer", "callbacks"), model.Side("crm", "tasks")),
    "recordings": (model.Side("dialer", "calls"), model.Side("crm", "calls")),
}
LOOKS_AT: dict[model.Kind, model.Side] = {kind: source for kind, (source, _) in SIDES.items()} | {
    "edits": model.Side("dialer", "leads")
}
"""The stream whose fields a pipeline's mapping reads."""

_STRONG = frozenset({"sale", "dnc"})  # flags that nothing less overwrites


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """One client, ready to run. Its connectors are this plan's own; whoever asked for it closes them.

    `identity` changes where the configuration means another CRM or dialer than before.
    """

    name: str
    crm: protocol.Connector
    dialer: protocol.Connector
    pipelines: tuple[model.Pipeline, ...]
    identity: str


def clients(settings: models.Settings) -> list[ClientPlan]:
    """The settings' clients with connectors of their own, in the order of the file; nothing is connected to yet.
    Raises UserError, which cannot happen for settings that `load` returned."""
    document = settings._document
    plans = [client(document, name, one) for name, one in settings.clients.items()]
    if document.problems(fatal=True):
        raise errors.UserError(document.problems(fatal=True))
    return [plan for plan in plans if plan is not None]


def named(settings: models.Settings, name: str) -> ClientPlan:
    """One of the settings' clients; as `clients`."""
    document = settings._document
    plan = client(document, name, settings.clients[name])
    if plan is None:
        raise errors.UserError(document.problems(fatal=True))
    return plan


def client(document: yaml_nodes.Document, name: str, settings: models.Client) -> ClientPlan | None:
    """One client; what cannot work is added to the document's problems, then there is no plan."""
    crm = _connector(document, name, "crm", settings.crm)
    dialer = _connector(document, name, "dialer", settings.dialer)
    if crm is None or dialer is None:
        return None
    if settings.statistics is not None and not any(isinstance(one, protocol.TellsStatistics) for one in (crm, dialer)):
        what = "neither the CRM nor the dialer tells statistics"
        document.add(("clients", name, "statistics"), what, "remove this key", at="key")
    compiled = _Client(document, name, settings, {"crm": crm, "dialer": dialer})
    pipelines = [compiled.pipeline(kind) for kind in SIDES if getattr(settings.pipelines, kind) is not None]
    whole = tuple(pipeline for pipeline in pipelines if pipeline is not None)
    if len(whole) < len(pipelines):
        return None
    return ClientPlan(name, crm, dialer, whole, identity.of(settings))


def systems(document: yaml_nodes.Document, name: str, found: Mapping[str, models.System]) -> None:
    """Add what is wrong with single systems, of a client that cannot be compiled as a whole."""
    for role, system in found.items():
        connector = _connector(document, name, cast("protocol.Role", role), system)
        if connector is not None:
            connector.close()


def _connector(
    document: yaml_nodes.Document, name: str, role: protocol.Role, system: models.System
) -> protocol.Connector | None:
    path = ("clients", name, role)
    make = cast("Callable[..., protocol.Connector]", registry.load(system.type))
    try:
        connector = make(system.options, client=name)
    except errors.UserError as error:
        for problem in error.problems:
            document.add((*path, *filter(None, problem.where.split("."))), problem.what, problem.fix)
        return None
    if connector.role != role:
        article = "a CRM" if connector.role == "crm" else "a dialer"
        document.add((*path, "type"), f"{system.type} is {article}", f"it belongs under `{connector.role}:`")
        return None
    return connector


class _Client:
    """Compiles the pipelines of one client."""

    def __init__(
        self,
        document: yaml_nodes.Document,
        name: str,
        settings: models.Client,
        connectors: dict[protocol.Role, protocol.Connector],
    ) -> None:
        self.document = document
        self.name = name
        self.settings = settings
        self.connectors = connectors

    def pipeline(self, kind: model.Kind) -> model.Pipeline | None:
        """The pipeline of that kind; None where a problem was found."""
        settings: models.Pipeline = getattr(self.settings.pipelines, kind)
        path: yaml_nodes.Path = ("clients", self.name, "pipelines", kind)
        source, target = SIDES[kind]
        reads, writes = self._stream(path, source), self._stream(path, target)
        if reads is None or writes is None:
            return None
        readable = reads.readable or kind == "dnc"  # which looks at leads one by one
        if not readable or not writes.writable:
            side, what = (source, "read") if not readable else (target, "written to")
            self.document.add(path, f"{self._called(side)} cannot be {what}", "remove this pipeline")
            return None
        if isinstance(settings, models.Recordings) and not self._recorded(path):
            return None
        if isinstance(settings, models.Leads):
            self._heeds_marks(path, settings)
        phone_fields = writes.phone if kind == "leads" else None
        if not self._targets(path, settings, writes, phone_fields):
            return None
        if not self._agents(path, settings) or not self._written_once(path, kind, settings):
            return None
        looks_at = self.connectors[LOOKS_AT[kind].role].streams[LOOKS_AT[kind].stream]
        if not self._flags(path, settings, looks_at):
            return None
        rules = tuple(
            spec.rule(
                name,
                phone=phone_fields is not None and name == phone_fields[1],
                agents=self.settings.agents,
                flags_field=looks_at.flags_field,
            )
            for name, spec in settings.fields.items()
        )
        appointment = tuple(name for name in writes.appointment if kind == "leads" and name in settings.fields)
        rules = tuple(replace(rule, clear=True) if rule.target in appointment else rule for rule in rules)
        compiled = mapping.FieldMapping(rules, region=self.settings.phone_region, phone_fields=phone_fields)
        shared_phone: Literal["hold", "allow"] = "hold"
        on_conflict: model.OnConflict = "source"
        protect: frozenset[str] = frozenset()
        consent: condition.Condition | None = None
        if isinstance(settings, models.Leads):
            shared_phone = settings.shared_phone
            consent = fields.compiled(settings.consent) if settings.consent is not None else None
        if isinstance(settings, models.Dispositions):
            on_conflict = settings.on_conflict
            protect = _protected(rules, settings.protect, looks_at.flags_field)
        edit_policy: dict[str, model.EditPolicy] = {}
        if isinstance(settings, models.Edits):
            edit_policy = {name: settings.policy.get(name, settings.on_conflict) for name in settings.fields}
        return model.Pipeline(
            client=self.name,
            name=kind,
            kind=kind,
            source=source,
            target=target,
            fields=compiled,
            every_seconds=settings.every,
            start=self._start(settings),
            where=fields.compiled(settings.where, looks_at.flags_field),
            opt_out=self._opt_out(kind),
            consent=consent,
            per_run=settings.per_run if isinstance(settings, (models.Dnc, models.Callbacks, models.Recordings)) else 0,
            shared_phone=shared_phone,
            on_conflict=on_conflict,
            guard=settings.guard.limits(),
            protect=protect,
            marked=writes.marker_field not in settings.fields,
            shadow=settings.mode == "shadow",
            edit_policy=edit_policy,
            keeps_out=kind == "leads" and writes.keeps_out,
            appointment=appointment,
            first_look=settings.first_look if isinstance(settings, models.Recordings) else 0.0,
            give_up=settings.give_up if isinstance(settings, models.Recordings) else 0.0,
        )

    def _called(self, side: model.Side) -> str:
        system = self.settings.crm if side.role == "crm" else self.settings.dialer
        return f"the stream {side} (type {system.type})"

    def _stream(self, path: yaml_nodes.Path, side: model.Side) -> records.StreamSpec | None:
        spec = self.connectors[side.role].streams.get(side.stream)
        if spec is None:
            system = self.document.name(("clients", self.name, side.role))
            fix = f"configure {side.stream} under {system}, or remove this pipeline"
            self.document.add(path, f"{self._called(side)} is not there", fix)
        return spec

    def _targets(
        self,
        path: yaml_nodes.Path,
        settings: models.Pipeline,
        spec: records.StreamSpec,
        phone_fields: tuple[str, str] | None,
    ) -> bool:
        """Whether nothing is mapped that must not be, and all that must."""
        found: list[tuple[str, str, str]] = []
        if spec.key_field in settings.fields:
            what = f"{spec.key_field} holds the key by which syncd finds the record again"
            found.append((spec.key_field, what, "map another field"))
        if phone_fields is not None:
            code, number = phone_fields
            if code in settings.fields:
                what = f"{code} comes with {number}, from the number's own country code or `phone_region`"
                found.append((code, what, "remove this line"))
            if number not in settings.fields:
                what = "is not mapped, so that every record would be skipped for want of a phone"
                found.append((number, what, f"add `{number}: your phone field`"))
        else:
            what = "the transform phone works only on the way to a dialer"
            found += [
                (name, what, "use digits, or none")
                for name, field in settings.fields.items()
                if "phone" in field.transform
            ]
        for name, what, fix in found:
            self.document.add((*path, "fields", name), what, fix, at="key")
        return not found

    def _agents(self, path: yaml_nodes.Path, settings: models.Pipeline) -> bool:
        """Whether each field that is translated by the client's `agents` can be."""
        owners: dict[str, list[str]] = {}
        for user, owner in self.settings.agents.items():
            owners.setdefault(owner.strip().casefold(), []).append(user)
        several = [users for users in owners.values() if len(users) > 1]
        fine = True
        for name, spec in settings.fields.items():
            here = (*path, "fields", name, "agents")
            if spec.agents and not owners:
                fine = False
                self.document.add(here, "the client has no `agents`", "add the map: VICIdial user → owner in the CRM")
            if spec.agents == "user":
                for users in several:
                    fine = False
                    place = self.document.name(here)
                    what = f"users {', '.join(users)} have one owner, so that {place} cannot tell whom it means"
                    self.document.add(("clients", self.name, "agents", users[-1]), what, "keep one of them")
        return fine

    def _written_once(self, path: yaml_nodes.Path, kind: model.Kind, settings: models.Pipeline) -> bool:
        """Whether no other pipeline writes a field of the CRM record as well, so that they would take turns."""
        pipelines = self.settings.pipelines
        rivals: dict[model.Kind, tuple[str, models.Pipeline | None]] = {
            "edits": ("dispositions", pipelines.dispositions),
            "recordings": ("calls", pipelines.calls),
        }
        rival, others = rivals.get(kind, ("", None))
        both = [name for name in settings.fields if others and name in others.fields]
        for name in both:
            fix = "leave it to one of them"
            self.document.add((*path, "fields", name), f"{rival} writes {name}, too", fix, at="key")
        return not both

    def _flags(self, path: yaml_nodes.Path, settings: models.Pipeline, spec: records.StreamSpec) -> bool:
        """Whether conditions that name flags have a stream with flags."""
        wrong = [here for here, tests in conditions(path, settings) if fields.FLAGS in tests and not spec.flags_field]
        for here in wrong:
            what = "flags alone are for calls; these records have none"
            self.document.add(here, what, "name the field: {field: value}")
        return not wrong

    def _heeds_marks(self, path: yaml_nodes.Path, settings: models.Leads) -> None:
        """Warn where other pipelines mark people as do-not-call by fields of the CRM that `leads` does not look at."""
        marks = _marks(self.settings.pipelines)
        looked_at = {name for tests in (settings.where, settings.opt_out, settings.consent) for name in tests or ()}
        if marks and looked_at.isdisjoint(marks):
            name = next(iter(marks))
            what = f"people whom the CRM marks as do-not-call by {', '.join(marks)} are dialled"
            self.document.add(path, what, f"add `opt_out: {{{name}: true}}`", fatal=False, at="key")

    def _recorded(self, path: yaml_nodes.Path) -> bool:
        """Whether recordings can be looked up, and have something to be written to."""
        if not isinstance(self.connectors["dialer"], protocol.FindsRecordings):
            what = f"the dialer (type {self.settings.dialer.type}) does not tell of recordings"
            self.document.add(path, what, "remove this pipeline")
            return False
        if self.settings.pipelines.calls is None:
            what = "without `calls` no call has a record in the CRM that a recording could be written to"
            self.document.add(path, what, "add `calls`, or remove this pipeline")
            return False
        return True

    def _start(self, settings: models.Pipeline) -> Literal["all", "now"] | datetime:
        start = settings.start
        if isinstance(start, str):
            return start
        moment = start if isinstance(start, datetime) else datetime.combine(start, time())
        if moment.tzinfo is None:
            zone = self.settings.time_zone
            moment = moment.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        return moment.astimezone(UTC)

    def _opt_out(self, kind: model.Kind) -> condition.Condition | None:
        """The CRM's do-not-call mark, which `dispositions` respects as well."""
        leads = self.settings.pipelines.leads
        if kind in ("calls", "edits", "callbacks", "recordings") or leads is None or leads.opt_out is None:
            return None
        return fields.compiled(leads.opt_out)


def _marks(pipelines: models.Pipelines) -> dict[str, None]:
    """The fields of the CRM that `dnc`, or a rule of `dispositions` for do-not-call statuses, sets to yes."""
    found = dict.fromkeys(pipelines.dnc.fields if pipelines.dnc else ())
    for name, spec in pipelines.dispositions.fields.items() if pipelines.dispositions else ():
        for rule in spec.rules:
            asked = {text.strip().casefold() for test in rule.when.values() for text in test.is_ or ()}
            if "dnc" in asked and condition.Test(name, "true")({name: rule.value}):
                found[name] = None
    return found


def conditions(path: yaml_nodes.Path, pipeline: models.Pipeline) -> Iterator[tuple[yaml_nodes.Path, fields.Tests]]:
    """The conditions of a pipeline on its source's fields, with their places."""
    if pipeline.where:
        yield (*path, "where"), pipeline.where
    if isinstance(pipeline, models.Leads):
        for name, tests in (("opt_out", pipeline.opt_out), ("consent", pipeline.consent)):
            if tests:
                yield (*path, name), tests
    for target, spec in pipeline.fields.items():
        for number, rule in enumerate(spec.rules):
            yield (*path, "fields", target, "rules", number, "when"), rule.when


def _protected(rules: tuple[mapping.Rule, ...], statuses: tuple[str, ...], flags_field: str | None) -> frozenset[str]:
    """What the protected statuses look like in the target: each goes through the rules whose source is the status; and
    so do the flags of a sale and of do-not-call, through the rules that look at flags.

    A text that other statuses lead to as well says nothing (`default: no` beside a rule for DNC), so it is left out.
    """
    readers = [rule for rule in rules if "status" in (*rule.sources, *_chosen_by(rule))]
    named = {key.strip().casefold() for rule in readers for key, _ in rule.table}
    named.update(text for rule in readers for text in _chosen_by(rule).get("status", ()))
    weaker = {"?", *named} - {status.strip().casefold() for status in statuses}
    strong = _written([rule for rule in readers if "status" in rule.sources], "status", statuses)
    strong -= _written(readers, "status", weaker)
    if flags_field:
        readers = [rule for rule in rules if flags_field in _chosen_by(rule)]
        flags = {text for rule in readers for text in _chosen_by(rule)[flags_field]}
        strong |= _written(readers, flags_field, _STRONG) - _written(readers, flags_field, {"", *flags} - _STRONG)
    return frozenset(strong)


def _chosen_by(rule: mapping.Rule) -> dict[str, tuple[str, ...]]:
    """Which fields the rule's choices look at, and the texts that they look for."""
    found: dict[str, tuple[str, ...]] = {}
    for test in (test for choice in rule.choices for test in choice.when.tests):
        found[test.field] = (*found.get(test.field, ()), *test.values)
    return found


def _written(rules: Iterable[mapping.Rule], name: str, texts: Iterable[str]) -> set[str]:
    """What the rules make of calls of which nothing but one field is known."""
    one_by_one = [mapping.FieldMapping((rule,))({name: text}) for rule in rules for text in texts]
    return {(value or "").strip().casefold() for mapped in one_by_one for value in mapped.fields.values()} - {""}
