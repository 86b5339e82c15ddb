"""A state machine over two flaky sides: people and calls come and change, requests fail, programs die and take over.

Whatever was drawn, once recovery has run both sides are as `expected` says.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

import sqlalchemy as sa
import structlog
from hypothesis import event, stateful
from hypothesis import strategies as st

from syncd.engine import operate, parts
from syncd.sdk import records
from syncd.sdk.testing import faulty
from syncd.store import held, streams, tables
from syncd.store.database import Moment
from tests.engine import expected, flaky
from tests.engine import site as sites

PEOPLE = ("1", "2", "3", "4", "a person with a long id")
NAMES = ("Ann", "Bob", "Søren", "", "A name of more than twenty-four letters")
MAILS = (None, "ann+crm@example.com", "bob@example.com")
WAITS = (1.0, 20.0, 45.0, 65.0, 130.0, 700.0, 4000.0)  # around the find lags (60 s), late effects (30 s), overlaps
ROUNDS = 40  # of the last runs; far more than any back-off needs

people = st.sampled_from(PEOPLE)
phones = st.sampled_from(tuple(expected.PHONES))
statuses = st.sampled_from(tuple(expected.FLAGS))
moments: st.SearchStrategy[Moment] = st.sampled_from(("before", "after"))
kinds: st.SearchStrategy[faulty.Kind] = st.sampled_from(faulty.KINDS)
faults = st.dictionaries(st.integers(1, 6), kinds, max_size=3)


class Machine(stateful.RuleBasedStateMachine):
    """One example: a day on one site, which is made anew for each."""

    def __init__(self, site: flaky.FlakySite) -> None:
        super().__init__()
        self.site = site
        self.site.forget()
        self.story = expected.Story()
        self.older: dict[str, records.Fields] = {}
        self.frozen = False
        self.quiet = ExitStack()
        self.quiet.enter_context(structlog.testing.capture_logs())

    def _put(self, person: str, deleted: bool | None = None, **fields: str | None) -> None:
        before = self.site.crm.table("leads").get(person)
        if before is not None:
            self.older[person] = before.fields
        gone = before is not None and before.deleted
        self.story.saw(self.site.crm.put("leads", person, gone if deleted is None else deleted, **fields))

    def _there(self, person: str) -> bool:
        return person in self.site.crm.table("leads")

    @stateful.initialize(found=st.lists(phones, min_size=1, max_size=len(PEOPLE)))
    def people_are_there_already(self, found: list[str | None]) -> None:
        for person, phone in zip(PEOPLE, found, strict=False):
            self._put(person, phone=phone, first_name="Ann")

    @stateful.rule(person=people, phone=phones, name=st.sampled_from(NAMES), mail=st.sampled_from(MAILS))
    def somebody_is_entered_or_changed(self, person: str, phone: str | None, name: str, mail: str | None) -> None:
        self._put(person, phone=phone, first_name=name, email=mail)

    @stateful.rule(person=people, phone=phones)
    def a_phone_changes(self, person: str, phone: str | None) -> None:
        if self._there(person):
            self._put(person, phone=phone)

    @stateful.rule(person=people)
    def the_last_change_is_taken_back(self, person: str) -> None:
        if person in self.older:
            older = self.older[person]
            self._put(person, phone=older.get("phone"), first_name=older.get("first_name"), email=older.get("email"))

    @stateful.rule(person=people, out=st.booleans())
    def somebody_opts_out_or_back(self, person: str, out: bool) -> None:
        if self._there(person):
            self._put(person, do_not_call="true" if out else None)

    @stateful.rule(person=people, deleted=st.booleans())
    def somebody_is_deleted_or_restored(self, person: str, deleted: bool) -> None:
        if self._there(person):
            self._put(person, deleted)

    @stateful.rule(person=people)
    def somebody_saves_without_a_change(self, person: str) -> None:
        if self._there(person):
            self._put(person)

    @stateful.rule(person=people, status=statuses)
    def an_agent_calls(self, person: str, status: str) -> None:
        leads = self.site.leads_of(person)
        if len(leads) == 1:  # nobody is called twice at once
            self.story.called(person, self.site.call(person, status, flags=expected.FLAGS[status]), status)

    @stateful.rule(which=st.integers(0, 7), status=statuses.filter(lambda status: status != "INCALL"))
    def a_call_ends_or_is_corrected(self, which: int, status: str) -> None:
        calls = list(self.site.dialer.table("calls"))
        if calls:
            call_id = calls[-1 - which % len(calls)]
            self.site.dialer.put("calls", call_id, status=status, flags=expected.FLAGS[status])
            self.story.corrected(call_id, status)

    @stateful.rule(seconds=st.sampled_from(WAITS))
    def time_passes(self, seconds: float) -> None:
        self.site.advance(seconds)

    @stateful.rule()
    def the_lease_of_a_dead_program_ends(self) -> None:
        self.site.expire_leases()

    @stateful.rule()
    def the_program_is_started_anew(self) -> None:
        self.site.life = None
        self.site.expire_leases()

    @stateful.rule(faults=faults)
    def syncd_runs(self, faults: dict[int, faulty.Kind]) -> None:
        self._judge(self.site.sync(faults))
        for kind in {kind for number, kind in faults.items() if number <= self.site.faults.writes}:
            event(f"fault {kind}")

    @stateful.rule()
    def syncd_runs_on_a_calm_day(self) -> None:
        self._judge(self.site.sync())

    @stateful.rule(commit=st.integers(1, 40), moment=moments)
    def syncd_dies_at_a_commit(self, commit: int, moment: Moment) -> None:
        self._judge(self.site.sync(crash=(commit, moment)))
        if self.site.life is None:
            event("crash at a commit")

    @stateful.rule(
        at=st.integers(1, 4),
        kind=st.sampled_from(flaky.FREEZES),
        person=people,
        out=st.booleans(),
        phone=phones,
        rounds=st.integers(1, 2),
        seconds=st.sampled_from(WAITS),
    )
    def syncd_freezes_and_another_takes_over(
        self, at: int, kind: faulty.Kind, person: str, out: bool, phone: str | None, rounds: int, seconds: float
    ) -> None:
        def meanwhile() -> None:
            self.frozen = True
            event(f"fault {kind}")
            if self._there(person):
                self._put(person, phone=phone, do_not_call="true" if out else None)
            self.site.take_over(rounds, seconds)

        self._judge(self.site.sync({at: kind}, frozen=meanwhile))

    def _judge(self, reports: list[parts.Report]) -> None:
        for report in reports:
            assert report.result in ("ok", "busy", "failed"), report
        states = streams.pipeline_states(self.site.db, sites.CLIENT)
        assert not {name: state.why for name, state in states.items() if state.paused}, "something paused"

    @stateful.invariant()
    def nothing_is_wrong_already(self) -> None:
        assert not self.site.broken
        for person in PEOPLE:
            if len(expected.leads_of(self.site, person, twins=True)) > 1:
                assert self.frozen, f"{person} got two leads"
            if len(self.site.leads_of(person)) > 1:
                assert self._under_way() or self.site.dialer.late, f"{person} has two leads and nobody looks"

    def _under_way(self) -> int:
        """How many intents are not done with, held ones aside."""
        intent, link = tables.intent, tables.link
        linked = sa.exists().where(link.c.crm_stream == "leads", link.c.crm_id == intent.c.subject)
        with self.site.db.read() as connection:
            query = sa.select(sa.func.count()).where(
                sa.or_(
                    intent.c.state.in_(("staged", "sending")),
                    sa.and_(intent.c.look_at.is_not(None), linked),
                )
            )
            return connection.execute(query).scalar_one()

    def teardown(self) -> None:
        """Let recovery run; then both sides must be as expected, and stay so."""
        try:
            if sys.exc_info()[0] is None:
                self._recover()
                expected.check(self.site, self.story)
                writes = self.site.crm.writes + self.site.dialer.writes
                self.site.advance(700)
                self._judge(self.site.sync())
                assert self.site.crm.writes + self.site.dialer.writes == writes, "a further run wrote something"
        finally:
            self.quiet.close()

    def _recover(self) -> None:
        self.site.life = None
        for number in range(ROUNDS):
            self.site.expire_leases()
            self.site.advance(70 if number < 5 else 700)
            writes = self.site.crm.writes + self.site.dialer.writes
            for report in self.site.sync():
                assert report.result == "ok", report
            self._operator_retries()
            if writes == self.site.crm.writes + self.site.dialer.writes and not self._under_way():
                return
        raise AssertionError(f"never quiet: {self._under_way()} intents are still under way")

    def _operator_retries(self) -> None:
        """What a person does about held records: end one of two leads, try all others again."""
        for one in held.listed(self.site.db):
            if one.is_twin:  # "end one by hand"
                self.site.dialer.put("leads", str(one.far_id), removed="twin")
                held.drop(self.site.db, one.id, self.site.now())
        if waiting := held.listed(self.site.db):
            assert self.site.life is not None
            operate.retry(*self.site.life, waiting)
