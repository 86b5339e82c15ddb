"""An org with three leads, and a connector to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.sdk.records import Change, Cursor, Record, SyncKey
from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins
from syncd_salesforce.connector import SalesforceConnector
from syncd_salesforce.options import SalesforceOptions

STATE: dict[str, Any] = {
    "records": {
        "User": [{"Name": "Alma", "Username": "alma@acme.test", "Email": "Alma@example.com"}],
        "Lead": [{"LastName": name, "Company": "C", "Phone": f"+1727555010{n}"} for n, name in enumerate("ABC")],
    }
}


class Site:
    """The org and its connectors."""

    def __init__(self, sim: salesforce.Simulator) -> None:
        self.sim, self.world = sim, sim.world
        self.made: list[SalesforceConnector] = []

    def connect(self, **options: Any) -> SalesforceConnector:
        login = {"client_id": logins.APP["id"], "client_secret": logins.APP["secret"]}
        given = {"url": self.sim.url, **login, "read_seconds": 2, **options}
        self.made.append(SalesforceConnector(SalesforceOptions.model_validate(given), client="acme"))
        return self.made[-1]

    def leads(self) -> list[str]:
        return list(self.world.rows["Lead"])

    def pull(self, connector: SalesforceConnector, since: Cursor | None = None) -> list[Record]:
        until = connector.clock().replace(year=2099)
        pages = list(connector.pull("leads", since, until, ["LastName", "Phone"]))
        cursors = [page.cursor for page in pages]
        assert cursors == sorted(set(cursors))
        return [record for page in pages for record in page.records]


def update(lead: str, urgent: bool = False, **fields: str | None) -> Change:
    return Change("update", SyncKey(lead), lead, fields, urgent=urgent)


def call(key: str, **fields: str | None) -> Change:
    return Change("create", SyncKey(key), None, fields)


@pytest.fixture
def site() -> Iterator[Site]:
    with salesforce.serve(STATE) as sim:
        made = Site(sim)
        yield made
        for connector in made.made:
            connector.close()
