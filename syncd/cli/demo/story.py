"""The demo's story, act by act: people become leads, syncd is killed, agents call, both sides change."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from syncd.cli.demo import accounts, books, children, configuration, crm, dialer, people, scenario, told
from syncd.cli.demo.screen import Screen

LOG = "syncd.log"
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 60.0  # for any one thing to happen, on a machine that is busy; usually it takes a second


class Story:
    """One telling, in its own folder. A context manager: leaving it ends every child."""

    def __init__(self, folder: Path, profile: str, database: crm.Crm, screen: Screen) -> None:
        self.folder, self.profile, self.screen = folder, profile, screen
        self.log = folder / LOG
        self.crm = database
        self.due = books.Books(self.crm.ids)
        self._password = secrets.token_hex(8)
        self._environ = {
            **children.environ(folder),
            **self.crm.environ,
            configuration.PASSWORD_VARIABLE: self._password,
        }
        self._config = folder / "demo.yaml"
        self._simulator: children.Child | None = None
        self._daemon: children.Child | None = None
        self._dialer: dialer.Dialer | None = None
        self._made: list[tuple[scenario.Call, books.Call]] = []

    def __enter__(self) -> Story:
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is impatient now would leave processes behind
        for child in (self._daemon, self._simulator):
            if child is not None:
                child.end(3)
        self.crm.close()
        if self._dialer is not None:
            self._dialer.close()
        shutil.rmtree(self.folder / children.COMPILED, ignore_errors=True)  # a missing one is what is wanted

    @property
    def dialer(self) -> dialer.Dialer:
        """The control door of the simulator, once `set_up` has started it."""
        if self._dialer is None:
            raise AssertionError("the simulator has not been started")
        return self._dialer

    def tell(self) -> None:
        """Everything up to the moment at which both sides must agree."""
        self.set_up()
        self.crash()
        self.recover()
        self.agents_call()
        self.people_change()
        self.corrections()

    # the acts

    def set_up(self) -> None:
        """A CRM, a dialer, a configuration, an empty store."""
        self.crm.create(people.PEOPLE)
        self.due.enter(map(self.crm.held, people.PEOPLE))
        awkward = sum(bool(person.about) for person in people.PEOPLE)
        self.say(f"A CRM with {len(people.PEOPLE)} people", f"{awkward} of them awkward, as in real life")
        state = self.folder / "vicidial.json"
        state.touch(mode=0o600)
        state.write_text(json.dumps(dialer.state(self._password)), encoding="utf-8")
        arguments = ["simulate", "vicidial", "--listen", "127.0.0.1:0", "--profile", self.profile]
        self._simulator = children.Child(
            "the VICIdial simulator",
            [*arguments, "--state", str(state)],
            log=self.folder / "simulator.log",
            environ=children.environ(self.folder),
        )
        url = self._simulator.ready(_WAIT_SECONDS)
        self._dialer = dialer.Dialer(url)
        self.say(f"A simulated VICIdial (profile {self.profile}) at {url}", "it answers as a real one was recorded to")
        configuration.write(self._config, words=self.crm.words(), store=self.folder / "state.db", url=url)
        self._syncd("db", "upgrade")

    def crash(self) -> None:
        """The daemon starts, and dies at the worst moment."""
        count = scenario.CRASH_AT_LEAD
        self.dialer.ask("faults", hold_after_writes=count)
        self._start()
        self.say("Started syncd", "it reads the CRM and begins to add leads")
        self._wait(f"lead {count}", lambda: int(self.dialer.ask("requests")["writes"]) >= count)
        daemon = self._daemon
        if daemon is None:
            raise AssertionError("the daemon has been started")
        daemon.kill()
        self._daemon = None
        self.dialer.ask("release")
        # what the dialer had taken in before the kill is applied by now, and nothing comes after it
        self._wait("the requests in flight to end", lambda: self.dialer.ask("requests")["in_flight"] == 0)
        leads = self._leads()
        self.say(
            f"Killed syncd (SIGKILL) while the answer to lead {count} was on its way",
            f"the dialer has {len(leads)} leads now; whoever sent them is gone, and they must not be sent again",
        )
        for call in scenario.DURING_THE_OUTAGE:
            self._call(list(leads)[count - 1], call)
        self.say(f"An agent already calls lead {count}", "while syncd is dead")

    def recover(self) -> None:
        """A new life finds what the old one did, and does the rest."""
        self._start()
        self.say("Started syncd again", "it looks each lead up before it would send it a second time")
        self._wait("all leads to be there", lambda: set(self._leads()) >= set(self.due.leads))
        self._wait_for_both_sides("the first round")
        self.say(f"All {len(self.due.leads)} leads are there", "each of them once")

    def agents_call(self) -> None:
        """Calls go out and come in; a stranger's call is none of the CRM's business."""
        for call in scenario.CALLS:
            self._call(call.person, call)
        stranger = scenario.STRANGER["lead_id"]
        self.dialer.call(int(str(stranger)), scenario.STRANGERS_CALL)
        for edit in scenario.AGENT_EDITS:
            self.dialer.edit(self._leads()[edit.person], edit.fields)
            self.due.agent_edits(edit)
        inbound = sum(bool(call.in_group) for call in scenario.CALLS)
        self.say(
            f"Agents call: {len(scenario.CALLS)} calls, {inbound} of them inbound",
            "with sales, call-backs, a do-not-call request, and some that are not ended yet",
        )
        self._wait_for_both_sides("calls and dispositions")
        self.say(
            "The CRM has the calls and dispositions", "a do-not-call has come back and taken its lead out of dialling"
        )

    def people_change(self) -> None:
        """The CRM changes."""
        for change in map(self.crm.possible, scenario.CHANGES):
            if change.fields.get("deleted"):
                self.crm.delete(change.person)
            elif change.fields.get("do_not_call"):
                self.crm.opt_out(change.person)
            else:
                self.crm.change(change.person, change.fields)
            self.due.change(change)
        self.crm.enter(scenario.NEWCOMERS)
        self.due.enter(map(self.crm.held, scenario.NEWCOMERS))
        self.say(
            f"In the CRM {len(scenario.CHANGES)} people change and {len(scenario.NEWCOMERS)} are new",
            "names, phones, an opt-out, a deletion, corrections of what was held",
        )

    def corrections(self) -> None:
        """A running call ends, a manager changes a disposition."""
        for call, due in self._made:
            if not call.ends_as:
                continue
            self.dialer.correct(due.booked.uniqueid, call.ends_as)
            self.due.correct(due, call.ends_as)
        self.say("Running calls end, and a manager corrects a disposition")
        self._wait_for_both_sides("the changes")

    def say(self, what: str, why: str = "") -> None:
        """A line of the narration."""
        self.screen.say(what, why)

    # afterwards

    def settle(self) -> None:
        """Wait until both sides are right, and two more rounds for what might come that must not."""
        self._wait_for_both_sides("everything")
        seen = self._rounds()
        self._wait(
            "two more rounds", lambda: all(now >= then + 2 for now, then in zip(self._rounds(), seen, strict=True))
        )

    def finish(self) -> accounts.Account:
        """End the daemon by SIGTERM and count for good."""
        self._wait_for_both_sides("everything")
        if self._daemon is not None:
            code = self._daemon.end(12)
            self.say("Ended syncd (SIGTERM)", "it finished what it had begun")
            if code != 0:
                raise children.Failed(f"syncd ended with exit code {code} after SIGTERM", self.log)
        return self.count()

    def count(self) -> accounts.Account:
        """Both far sides now, and what syncd says of them."""
        return accounts.take(self.due, self.crm, self.dialer, self._told())

    def somebody_new(self, person: people.Person) -> float:
        """Somebody is entered into the CRM; return after how many seconds their lead was there."""
        began = time.monotonic()
        self.crm.enter([person])
        self.due.enter([self.crm.held(person)])
        self._wait("the new lead", lambda: person.id in self._leads())
        return time.monotonic() - began

    def one_call(self, call: scenario.Call) -> float:
        """A lead is called; return after how many seconds the CRM had the call and the disposition."""
        began = time.monotonic()
        self._call(call.person, call)
        self._wait_for_both_sides("the call")
        return time.monotonic() - began

    def callable(self) -> set[str]:
        """The people whose leads may be called."""
        return set(self.due.leads) - self.due.removed

    # helpers

    def _call(self, person: str, call: scenario.Call) -> None:
        booked = self.dialer.call(self._leads()[person], call)
        self._made.append((call, self.due.call(person, call, booked)))

    def _leads(self) -> dict[str, int]:
        """Person → the first lead that carries their key, oldest first."""
        by_key = {self.due.key(person): person for person in self.due.people}
        found: dict[str, int] = {}
        for lead in self.dialer.leads():
            person = by_key.get(lead["vendor_lead_code"])
            if person is not None:
                found.setdefault(person, int(lead["lead_id"]))
        return found

    def _rounds(self) -> tuple[int, int]:
        """How often each stream has been run, as the dialer sees it: leads begin with a look at a lead, calls with a
        look at the clock."""
        return self.dialer.requests("lead_all_info"), self.dialer.requests("version")

    def _start(self) -> None:
        self._daemon = children.Child(
            "syncd", ["run", "--config", str(self._config)], log=self.log, environ=self._environ
        )

    def _syncd(self, *arguments: str) -> str:
        command = [*arguments, "--config", str(self._config)]
        code, output = children.run(command, log=self.folder / "commands.log", environ=self._environ)
        if code not in (0, 1):
            raise children.Failed(f"`syncd {' '.join(arguments)}` failed ({code})", self.folder / "commands.log")
        return output

    def _told(self) -> accounts.Told:
        return told.read(self._syncd("status", "--json"))

    def _wait_for_both_sides(self, what: str) -> None:
        """Wait until nothing differs any more, by the two far sides alone."""
        wrong: list[str] = []

        def both() -> bool:
            account = accounts.take(self.due, self.crm, self.dialer, accounts.Told())
            lines = [line for line in account.lines if not line.told and not line.right]
            wrong[:] = [f"{line.label}: {line.counted} of {line.expected}" for line in lines]
            wrong.extend(account.differences)
            return not wrong

        self._wait(f"{what} on both sides", both, wrong)

    def _wait(self, what: str, happened: Callable[[], bool], wrong: Sequence[str] = ()) -> None:
        """Wait until something has happened; raise Failed, which says what is `wrong` still, if it does not."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not happened():
            for child in (self._simulator, self.crm.child, self._daemon):
                if child is not None and child.ended:
                    raise children.Failed(f"{child.name} ended while the demo waited for {what}", child.log)
            if time.monotonic() > deadline:
                text = f"waited {_WAIT_SECONDS:g} s for {what}"
                raise children.Failed("\n  ".join([text, *wrong]), self.log)
            time.sleep(_POLL_SECONDS)
