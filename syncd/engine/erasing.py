"""Erasing a person, in two commits: the first leaves tombstones, forgets all that the store holds of them and notes
what is to be done on the dialer; the second, once that is done, forgets that, too.

A crash before the first has changed nothing. After it whoever comes by (the command again, `syncd erased finish`, the
daemon) goes on: each request can be repeated, and each lead is looked at before it is deleted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from syncd.core import digest as digests
from syncd.core import phone, policy
from syncd.engine.parts import Client
from syncd.engine.persons import Person, Persons
from syncd.engine.run import Engine
from syncd.sdk import errors, protocol, records
from syncd.store import by_hand, erasures, lease, traces
from syncd.store.database import Database

log = structlog.get_logger("syncd.engine")

HEAD_START = timedelta(seconds=120)
"""So long the daemon leaves an erasure to the command that began it, or went on with it last."""
POLL_SECONDS = 0.05
LOOKS = 5  # times that leads are looked for again, each because the look before found one
MOST_NAMED = 50
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done on the dialer, as an erasure keeps it. `crm`: CRM id → key and marker; `leads`: lead → what it
    must hold; `lists`: do-not-call lists that get the numbers; `until`: until then another lead may appear."""

    crm: Mapping[str, Sequence[str | None]]
    leads: Mapping[str, records.Fields]
    phones: Sequence[Sequence[str]]
    near: Sequence[records.Fields]
    lists: Sequence[str] = ()
    also_phone: bool = False
    entries: Sequence[str] = ()
    until: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Work:
        """As it was stored."""
        return cls(**stored)

    def stored(self) -> dict[str, Any]:
        """To be stored."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(slots=True)
class Plan:
    """What erasing somebody is going to do; `rows`: what the store holds of them, by table."""

    person: Person
    lists: Sequence[str] = ()
    also_phone: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def leads(self) -> dict[str, records.Fields]:
        """The leads that are deleted."""
        return {**self.person.leads, **(self.person.strangers if self.also_phone else {})}


def eraser(client: Client) -> protocol.Erases:
    """The dialer, as one that can delete leads; raise UserError where it cannot."""
    if not isinstance(client.dialer, protocol.Erases):
        raise errors.UserError(f"the dialer's connector of {client.name} cannot delete leads, so nobody can be erased")
    return client.dialer


def counted(engine: Engine, client: Client, person: Person) -> dict[str, int]:
    """How much the store holds of them, by table."""
    with engine.db.read() as connection:
        return traces.counted(connection, client.name, person.traces(), Persons(engine, client).names())


def begin(engine: Engine, client: Client, plan: Plan, *, by: str, wait_seconds: float) -> int:
    """The first commit; returns the erasure's number. It is made while none of the client's streams is run, so that
    nothing of the person is on its way. Raises UserError where they do not come to rest."""
    eraser(client)
    sides = [str(side) for side in client.sources()]
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return _begun(engine, client, plan, sides, by)
        except lease.Busy as busy:
            if time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
                continue
            fix = f"`syncd pause {client.name}`, repeat this, then `syncd resume {client.name}`"
            what = f"nothing was done: {busy}, and somebody of whom something is on its way cannot be erased"
            raise errors.UserError([errors.Problem(what, client.name, fix)]) from None


def _begun(engine: Engine, client: Client, plan: Plan, sides: Sequence[str], by: str) -> int:
    db, person, now = engine.db, plan.person, engine.clock()
    hashes = db.hashes()
    find_lag = timedelta(seconds=client.dialer.streams["leads"].find_lag_seconds)
    persons = Persons(engine, client)
    with lease.alone(db, client.name, sides, label="erase-begin", now=now) as connection:
        digest = _digest(hashes, person)
        # before anything is deleted: its number, the newest, is never given again
        noted = by_hand.asked(
            db, connection, client.name, digest, what="erased", who=by, why="syncd erase", target="erase"
        )
        removed = traces.remove(connection, client.name, person.traces(), persons.names(), find_lag=find_lag)
        # what came about since somebody looked: a lead that was linked, a number that was to be sent
        key_field = client.dialer.streams["leads"].key_field
        late = {lead: {key_field: key} for lead, key in removed.leads.items() if key_field and lead not in plan.leads}
        for body in removed.bodies:
            person.add_phone(*(body.get(name) for name in client.dialer.streams["leads"].phone or ("", "")))
        stones = [(erasures.record_digest(hashes, crm_id), "record") for crm_id in person.crm]
        stones += [(erasures.phone_digest(hashes, one.code, one.national), "phone") for one in person.phones]
        until = removed.until if removed.until is not None and removed.until > now else None
        work = Work(
            {crm_id: (key.value, key.marker) for crm_id, key in person.keys.items()},
            {**plan.leads, **late},
            [(one.code, one.national) for one in person.phones],
            persons.nears(person),
            plan.lists,
            plan.also_phone,
            removed.entries,
            until.isoformat() if until else "",
        )
        counts = removed.counts + Counter({"records": len(person.crm), "leads": len(plan.leads)})
        number = erasures.insert(
            db,
            connection,
            client.name,
            digest,
            work=work.stored(),
            counts=counts,
            stones=stones,
            by=by,
            now=now,
            due_at=now + HEAD_START,
        )
    log.info("erasure begins", client=client.name, erasure=number, noted=noted, by=by)
    return number


def _digest(hashes: digests.Digest, person: Person) -> str:
    """By what an erasure is known: of what was named first."""
    if person.crm:
        return erasures.record_digest(hashes, next(iter(person.crm)))
    if person.phones:
        return erasures.phone_digest(hashes, person.phones[0].code, person.phones[0].national)
    return hashes.value(f"\x1flead\x1f{next(iter(person.leads), '')}")


def go_on(engine: Engine, client: Client, number: int) -> erasures.Erasure:
    """Do what is left on the dialer; returns how far it is then. What fails there is stored and tried again later.
    Raises LeaseLost, and UserError where the dialer's connector cannot delete."""
    db = engine.db
    one = _one(db, number)
    if one.state != "open" or one.work is None:
        return one
    dialer = eraser(client)
    work = Work.of(one.work)
    try:
        _keep_out(client, work)
        work = _delete(engine, client, dialer, number, work)
    except errors.LeaseLost:
        raise
    except errors.SyncdError as error:
        wait = _A_DAY if isinstance(error, errors.Rejected) else timedelta(seconds=_wait(error, one.failures))
        fix = f" – {error.fix}" if isinstance(error, errors.AuthFailed) and error.fix else ""
        erasures.put_off(db, number, due_at=engine.clock() + wait, error=f"{error}{fix}")
        log.warning("erasure waits", client=client.name, erasure=number, why=str(error))
        return _one(db, number)
    if work.until and (until := datetime.fromisoformat(work.until)) > engine.clock():
        erasures.put_off(db, number, due_at=until)
        return _one(db, number)
    counts = {**one.counts, "leads": len(work.leads)}
    erasures.end(db, number, [*_crm_by_hand(work), *dialer.left_by_hand(list(work.leads))], counts, engine.clock())
    log.info("erasure is done in syncd", client=client.name, erasure=number, leads=len(work.leads))
    return _one(db, number)


def finish(engine: Engine, client: Client, *, due_only: bool = True) -> list[erasures.Erasure]:
    """Go on with every open erasure of a client, or those that are due."""
    db = engine.db
    found = erasures.due(db, client.name, engine.clock()) if due_only else erasures.listed(db, client.name, ("open",))
    return [go_on(engine, client, one.id) for one in found if not engine.stopping()]


def _one(db: Database, number: int) -> erasures.Erasure:
    found = erasures.one(db, number)
    if found is None:
        raise errors.UserError(f"there is no erasure {number}")
    return found


def _wait(error: errors.SyncdError, failures: int) -> float:
    if isinstance(error, errors.RetryLater) and error.after_seconds is not None:
        return error.after_seconds
    return policy.backoff_seconds(failures + 1)


def _keep_out(client: Client, work: Work) -> None:
    """Onto the do-not-call lists first, while the numbers are known."""
    if work.lists and isinstance(client.dialer, protocol.KeepsDnc):
        for _, national in work.phones:
            client.dialer.dnc_add(national, work.lists)


def _delete(engine: Engine, client: Client, dialer: protocol.Erases, number: int, work: Work) -> Work:
    """Delete the leads, then look for more until there are none: one that was on its way, a second one. What is found
    is stored before it is deleted, so that it is known afterwards what there was."""
    for lead_id, holding in work.leads.items():
        dialer.erase(lead_id, holding)
    for _ in range(LOOKS):
        found = _found(engine, client, work)
        if again := [lead for lead in work.leads if lead in found]:
            raise errors.RetryLater(f"lead {again[0]} is still there")
        if not (more := {lead: holding for lead, holding in found.items() if lead not in work.leads}):
            return work
        work = replace(work, leads={**work.leads, **more})
        erasures.put_work(engine.db, number, work.stored())
        for lead_id, holding in more.items():
            dialer.erase(lead_id, holding)
    raise errors.RetryLater("leads of the person keep appearing on the dialer")


def _found(engine: Engine, client: Client, work: Work) -> dict[str, records.Fields]:
    """Leads of theirs that are there now, with what shows that they are."""
    dialer = client.dialer
    spec = dialer.streams["leads"]
    found: dict[str, records.Fields] = {}
    for value, marker in work.crm.values():
        key = records.SyncKey(value or "", marker)
        for near in work.near:
            for lead in dialer.find("leads", key, near):
                found[lead.id] = {spec.key_field: key.value} if spec.key_field else {}
    if work.also_phone:
        persons = Persons(engine, client)
        for code, national in work.phones:
            found = {**persons.stray(phone.Phone(code, national)), **found}
    return found


def _crm_by_hand(work: Work) -> list[str]:
    """What the CRM still holds: syncd deletes nothing there."""
    found = []
    if work.crm:
        which = ", ".join(list(work.crm)[:MOST_NAMED])
        found.append(f"the CRM: record {which} itself, if it is to be erased there as well; syncd leaves it alone")
    if work.entries:
        which = ", ".join(work.entries[:MOST_NAMED])
        more = f" and {len(work.entries) - MOST_NAMED} more" if len(work.entries) > MOST_NAMED else ""
        found.append(f"the CRM: what was entered there for calls and callbacks: {which}{more}")
    return found
