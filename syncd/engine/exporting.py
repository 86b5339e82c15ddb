"""All that there is about a person, for somebody who asks what is held of them; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from syncd.engine.parts import Client
from syncd.engine.persons import Person, Persons
from syncd.engine.run import Engine
from syncd.engine.subjects import Meant
from syncd.sdk import errors, protocol, records
from syncd.store import known, story

MOST_CALLS = 1000
_OF_EVENTS = ("calls", "callbacks", "recordings", "dispositions", "edits")


def of(engine: Engine, client: Client, meant: Meant) -> dict[str, Any]:
    """What the store and both systems hold of the person that is meant, as plain data. What one of them does not tell
    is said in `not_told`. Raises AuthFailed, RetryLater where they cannot be asked who the person is."""
    person = Persons(engine, client).look(meant)
    if not (person.crm or person.leads or person.strangers):
        return {}
    missing: list[str] = []
    leads = _leads(client, [*person.leads, *person.strangers], missing)
    calls = _calls(client, list(person.leads), missing)
    return {
        "client": client.name,
        "at": engine.clock(),
        "crm": {"records": _crm(client, person, missing), "entries": _entries(engine, client, person, missing)},
        "dialer": {
            "leads": [leads[one] for one in person.leads if one in leads],
            "leads_with_a_phone_of_theirs": [leads[one] for one in person.strangers if one in leads],
            "calls": [dict(one.fields) | {"id": one.id} for one in calls],
            "callbacks": _callbacks(client, person, missing),
            "recordings": _recordings(client, calls, missing),
            "do_not_call_lists": _lists(client, person, missing),
        },
        "syncd": _stored(engine, client, person),
        "other_records_with_a_phone_of_theirs": person.others,
        "not_told": missing,
    }


def _crm(client: Client, person: Person, missing: list[str]) -> list[dict[str, Any]]:
    """The CRM's records with all fields that it lists, else those that are mapped."""
    names, found = _names(client.crm, "leads", missing), []
    for crm_id, source in person.crm.items():
        told = _told(client.crm, "leads", [crm_id], missing, names) if source is not None else []
        fields = next((one.fields for one in told if one.id == crm_id and not one.deleted), None)
        mapped = source.fields if source is not None else {}
        found.append({"id": crm_id, "there": source is not None, "fields": {**mapped, **(fields or {})}})
    return found


def _leads(client: Client, ids: Sequence[str], missing: list[str]) -> dict[str, dict[str, Any]]:
    """Leads with all columns, and with the custom fields that there are."""
    found = _told(client.dialer, "leads", ids, missing, _names(client.dialer, "leads", missing))
    return {one.id: {"id": one.id, "fields": dict(one.fields)} for one in found if not one.deleted}


def _names(connector: protocol.Connector, stream: str, missing: list[str]) -> list[str]:
    if not isinstance(connector, protocol.ListsFields):
        return []
    try:
        return list(connector.fields(stream))
    except errors.SyncdError as error:
        missing.append(f"which fields {connector.role} {stream} have: {error}")
        return []


def _told(
    connector: protocol.Connector, stream: str, ids: Sequence[str], missing: list[str], names: Sequence[str] = ()
) -> list[records.Record]:
    try:
        return connector.get(stream, ids, names) if ids else []
    except errors.SyncdError as error:
        missing.append(f"{connector.role} {stream}: {error}")
        return []


def _entries(engine: Engine, client: Client, person: Person, missing: list[str]) -> list[dict[str, Any]]:
    """What was entered in the CRM for their calls and callbacks."""
    found = []
    for ours, theirs in (("calls", "calls"), ("callbacks", "tasks")):
        links = known.links_by_dialer(engine.db, client.name, ours, person.events)
        ids = [link.crm_id for link in links.values()]
        told = {}
        if ids and theirs in client.crm.streams:
            told = {one.id: one for one in _told(client.crm, theirs, ids, missing, _names(client.crm, theirs, missing))}
        for crm_id in ids:
            fields = dict(told[crm_id].fields) if crm_id in told else {}
            found.append({"stream": theirs, "id": crm_id, "fields": fields})
    return found


def _calls(client: Client, leads: Sequence[str], missing: list[str]) -> list[records.Record]:
    dialer = client.dialer
    found: list[records.Record] = []
    if not isinstance(dialer, protocol.ExplainsDialling):
        return found
    for lead in leads:
        try:
            found += dialer.calls_of(lead, MOST_CALLS)
        except errors.SyncdError as error:
            missing.append(f"calls of lead {lead}: {error}")
    return found


def _callbacks(client: Client, person: Person, missing: list[str]) -> list[dict[str, Any]]:
    if "callbacks" not in client.dialer.streams:
        return []
    told = _told(client.dialer, "callbacks", person.events, missing)
    return [{"id": one.id, "fields": dict(one.fields)} for one in told]


def _recordings(client: Client, calls: Sequence[records.Record], missing: list[str]) -> list[dict[str, Any]]:
    dialer = client.dialer
    if not calls or not isinstance(dialer, protocol.FindsRecordings):
        return []
    found: list[dict[str, Any]] = []
    for call, told in zip(calls, dialer.recordings(calls), strict=True):
        if isinstance(told, errors.SyncdError):
            missing.append(f"recordings of call {call.id}: {told}")
            continue
        found += [{"call": call.id, **one.fields} for one in told]
    return found


def _lists(client: Client, person: Person, missing: list[str]) -> list[dict[str, Any]]:
    dialer = client.dialer
    if not isinstance(dialer, protocol.KeepsDnc):
        return []
    found: list[dict[str, Any]] = []
    for one in person.phones:
        try:
            found.append({"phone": one.code + one.national, "lists": dialer.dnc_listed(one.national, one.code)})
        except errors.SyncdError as error:
            missing.append(f"do-not-call lists: {error}")
    return found


def _stored(engine: Engine, client: Client, person: Person) -> dict[str, Any]:
    """What the store holds: no values, but ids, steps and hashes of values under its secret."""
    db, hashes = engine.db, engine.db.hashes()
    of_leads = [pipe.name for pipe in client.pipelines if pipe.kind == "leads"]
    of_events = [pipe.name for pipe in client.pipelines if pipe.kind in _OF_EVENTS]
    digests = [hashes.value(one.code + one.national) for one in person.phones]
    by_hand = [asdict(one) for digest in digests for one in story.by_hand(db, client.name, digest)]
    return {
        "records": [asdict(story.record(db, client.name, one, of_leads)) for one in person.crm],
        "calls_and_callbacks": [asdict(story.call(db, client.name, one, of_events)) for one in person.events],
        "by_hand": by_hand,
    }
