"""The CRMs that are measured with: what a bench asks of one, whichever it is.

A CRM is a far side in a process of its own (an SQLite file has none). These objects keep nothing in memory but an
address, so that the bench and the processes that it measures may use one CRM in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

KINDS = ("sqlite", "mariadb", "hubspot", "salesforce")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be dialled."""

    first_name: str
    last_name: str
    email: str
    phone: str
    city: str = "Tampa"
    state: str = "FL"


def people(first: int, count: int) -> Iterator[Person]:
    """`count` people with numbers from `first` on, each with a phone of their own."""
    for number in range(first, first + count):
        yield Person(f"First{number}", f"Last{number}", f"p{number}@example.com", f"727{2_000_000 + number}")


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer with this CRM writes. `options`: the part `crm:` as a flow mapping; `columns`: a person's
    attribute → the CRM's field; `calls`, `dispositions`: the `fields:` of these pipelines as flow mappings."""

    options: str
    columns: Mapping[str, str]
    calls: str
    dispositions: str


class Crm(Protocol):
    """One CRM. `kind` and `address` are all that another process needs to use it."""

    kind: str
    address: str

    def create(self) -> None:
        """Make it ready to be filled."""

    def add(self, count: int) -> None:
        """New people; a moment later syncd may read them."""

    def words(self) -> Words:
        """This CRM's part of the client's configuration."""

    def requests(self) -> Mapping[str, int]:
        """How often each thing was asked of the CRM, as the CRM counts; empty where nobody counts."""


def opened(kind: str, address: str) -> Crm:
    """The CRM of that kind."""
    from bench import crm_hubspot, crm_salesforce, crm_sql

    match kind:
        case "hubspot":
            return crm_hubspot.Hubspot(address)
        case "salesforce":
            return crm_salesforce.Salesforce(address)
        case _:
            return crm_sql.Tables(kind, address)
