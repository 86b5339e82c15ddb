"""A place to measure in: a CRM, a dialer, a state store, and the configuration of a customer who has these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import child, crm, crm_hubspot, crm_salesforce, far
from bench.dialer import LIST_ID, PASSWORD, USER, ZONE, Dialer

_CONFIGURATION = """\
store: sqlite:///{folder}/store.db
clients:
  bench:
    crm: {options}
    dialer:
      {{type: vicidial, url: {url}, user: "{user}", password: "{password}", time_zone: {zone},
      connections: {in_flight}}}
    pipelines:
      leads:
        start: all
        mode: {mode}
        guard: {{max_updates: ~}}
        fields:
          phone_number: {phone}
          first_name: {first_name}
          last_name: {last_name}
          email: {email}
          city: {city}
          state: {{from: {state}, default: {default}}}
          list_id: {{default: "{list_id}"}}
      calls: {{start: now, fields: {calls}}}
      dispositions: {{start: now, fields: {dispositions}}}
"""
IN_FLIGHT = 4  # the connector's default


@dataclass(slots=True)
class Site:
    """One customer. The log goes to a file, as the daemon's does under a service manager."""

    folder: Path
    crm: crm.Crm
    dialer: Dialer
    _children: int = 0

    def configure(self, *, shadow: bool = False, version: int = 0, in_flight: int = IN_FLIGHT) -> None:
        """Write the configuration file. Each `version` is another version of the mapping with the same results;
        `in_flight`: requests to the dialer at once."""
        words = self.crm.words()
        path = self.folder / "config.yaml"
        path.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                options=words.options,
                url=self.dialer.url,
                user=USER,
                password=PASSWORD,
                zone=ZONE,
                in_flight=in_flight,
                mode="shadow" if shadow else "live",
                default=f"A{version}",  # never used: everybody has a state
                list_id=LIST_ID,
                calls=words.calls,
                dispositions=words.dispositions,
                **words.columns,
            )
        )
        path.chmod(0o600)

    def measure(self, what: Callable[..., dict[str, Any]], **how: Any) -> dict[str, Any]:
        """What one of the functions of `bench.child` measured of itself in a fresh process."""
        self._children += 1
        place = child.Place(self.folder / "config.yaml", self.crm.kind, self.crm.address, self.dialer.url)
        return child.in_a_process(what, place, self.folder / f"log{self._children}.jsonl", **how)


@contextmanager
def open_site(
    folder: Path, kind: str = "sqlite", *, address: str = "", dialer_options: Sequence[str] = ()
) -> Iterator[Site]:
    """A site with an empty dialer and an empty CRM of a kind, each in a process of its own; `folder` is made.
    `address`: of an empty database, where the kind is a database server."""
    folder.mkdir()
    with ExitStack() as stack:
        simulator = stack.enter_context(far.simulator("vicidial", *dialer_options, folder=folder))
        if kind == "sqlite":
            address = f"sqlite:///{folder}/crm.db"
        elif kind in ("hubspot", "salesforce"):
            state = crm_hubspot.STATE if kind == "hubspot" else crm_salesforce.STATE
            address = stack.enter_context(far.simulator(kind, state=state, folder=folder)).url
        site = Site(folder, crm.opened(kind, address), Dialer(simulator.url))
        site.crm.create()
        yield site


def expect(measured: dict[str, Any], result: str, **least: int) -> None:
    """A figure counts only if the work was done: raise SystemExit unless these were counted (`a_b` for `a.b`)."""
    counts = {name.replace(".", "_"): count for name, count in measured["counts"].items()}
    if measured["result"] != result or any(counts.get(name, 0) < count for name, count in least.items()):
        raise SystemExit(
            f"to be done: {least}; but: {measured['result']} {measured.get('why', '')} {measured['counts']}"
        )
