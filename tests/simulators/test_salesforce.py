"""The simulated Salesforce refuses and answers what the real API documents, over HTTP."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3

from syncd.simulators import salesforce
from syncd.simulators.salesforce import logins

APP = {"client_id": logins.APP["id"], "client_secret": logins.APP["secret"]}
NAMES = "SELECT LastName, Owner.Email FROM Lead WHERE $where ORDER BY LastName"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Org:
    """A client with a token."""

    def __init__(self, url: str) -> None:
        self.url, self.http = url, urllib3.PoolManager(retries=False)
        body = urlencode({"grant_type": "client_credentials", **APP})
        told = self.http.request("POST", f"{url}/services/oauth2/token", body=body, headers=FORM).json()
        self.headers = {"authorization": f"Bearer {told['access_token']}", "content-type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request below /services/data/v62.0/."""
        text = None if body is None else json.dumps(body)
        url = f"{self.url}/services/data/v62.0/{path}"
        answer = self.http.request(method, url, body=text, headers=self.headers)
        return answer.status, json.loads(answer.data) if answer.data else None

    def query(self, soql: str, path: str = "query") -> tuple[int, Any]:
        return self.ask("GET", f"{path}?q={quote(soql)}")

    def door(self, command: str, **arguments: Any) -> Any:
        answer = self.http.request("POST", f"{self.url}/_sim/{command}", json=arguments)
        assert answer.status == 200, answer.data
        return answer.json()


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce.serve() as sim:
        client = Org(sim.url)
        yield client
        client.http.clear()


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Lead WHERE FirstName = 'a' AND LastName = 'b' OR City = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'c' AND NOT LastName = 'b'", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
    ],
)
def test_soql_that_salesforce_refuses_is_refused(org: Org, soql: str, code: str) -> None:
    status, told = org.query(soql)
    assert (status, told[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("LastName LIKE 'A%'", ["Ash"]),
        ("(LastName = 'Ash' OR LastName = 'Birch') AND City = null", ["Ash", "Birch"]),
        ("LastName NOT IN ('Ash')", ["Birch"]),
        ("(NOT LastName = 'Ash')", ["Birch"]),
        ("CreatedDate > 2020-01-01T00:00:00Z AND IsConverted = false", ["Ash", "Birch"]),
        ("LastName = 'O\\'Hara'", []),
    ],
)
def test_conditions_select_what_they_say(org: Org, where: str, names: list[str]) -> None:
    status, told = org.query(NAMES.replace("$where", where))
    assert (status, [row["LastName"] for row in told["records"]]) == (200, names)


def test_pages_of_2000_follow_a_cursor_until_it_dies(org: Org) -> None:
    org.door("enter", object="Lead", records=[{"LastName": f"L{n}", "Company": "C"} for n in range(2500)])
    _, first = org.query("SELECT Id FROM Lead")
    rest = first["nextRecordsUrl"].partition("v62.0/")[2]
    assert (len(first["records"]), len(org.ask("GET", rest)[1]["records"])) == (2000, 502)
    org.door("faults", spec="cursor_death")
    status, told = org.ask("GET", rest)
    assert (status, told[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_a_collection_answers_each_row_and_200_even_when_rows_failed(org: Org) -> None:
    rows = [{"LastName": "New", "Company": "C"}, {"LastName": "No company"}, {"LastName": "x" * 81, "Company": "C"}]
    records = [{"attributes": {"type": "Lead"}, **row} for row in rows]
    status, told = org.ask("POST", "composite/sobjects", {"allOrNone": False, "records": records})
    assert status == 200
    assert [row["success"] for row in told] == [True, False, False]
    assert [row["errors"][0]["statusCode"] for row in told[1:]] == ["REQUIRED_FIELD_MISSING", "STRING_TOO_LONG"]
    status, _ = org.ask("POST", "composite/sobjects", {"records": records[:1] * 201})
    assert status == 400


def test_upserts_by_external_id_create_then_update_and_300_tells_of_several(org: Org) -> None:
    path = "sobjects/Task/Syncd_Call__c/k1"
    assert org.ask("PATCH", path, {"Subject": "Call", "TaskSubtype": "Call"})[0] == 201
    assert org.ask("PATCH", path, {"Subject": "Call again"})[0] == 200
    status, told = org.ask("PATCH", path, {"TaskSubtype": "Call"})
    assert (status, told[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    org.door("faults", spec="several")
    assert org.ask("PATCH", path, {"Subject": "x"})[0] == 300


def test_a_converted_lead_and_a_deleted_one_cannot_be_written(org: Org) -> None:
    leads = [row["Id"] for row in org.query("SELECT Id FROM Lead")[1]["records"]]
    contact = org.door("convert", id=leads[0])["contact"]
    org.door("delete", id=leads[1])
    assert (
        org.ask("PATCH", f"sobjects/Lead/{leads[0]}", {"City": "x"})[1][0]["errorCode"]
        == "CANNOT_UPDATE_CONVERTED_LEAD"
    )
    assert org.ask("PATCH", f"sobjects/Lead/{leads[1]}", {"City": "x"})[1][0]["errorCode"] == "ENTITY_IS_DELETED"
    assert org.ask("PATCH", f"sobjects/Contact/{contact}", {"Title": "Buyer"})[0] == 204
    assert org.query("SELECT Id FROM Lead")[1]["totalSize"] == 1
    assert org.query("SELECT Id FROM Lead", "queryAll")[1]["totalSize"] == 2


def test_limits_tokens_and_locks_have_their_codes(org: Org) -> None:
    lead = org.query("SELECT Id FROM Lead")[1]["records"][0]["Id"]
    org.door("lock", ids=[lead])
    assert org.ask("PATCH", f"sobjects/Lead/{lead}", {"City": "x"})[1][0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
    org.door("limits", used=10, daily=10)
    assert org.query("SELECT Id FROM Lead")[0] == 403
    org.door("sessions", end=True)
    assert org.query("SELECT Id FROM Lead")[0] == 401


def test_a_lag_hides_what_is_committed(org: Org) -> None:
    org.door("lag", seconds=3600)
    org.door("enter", object="Lead", records=[{"LastName": "Late", "Company": "C"}])
    assert org.query("SELECT Id FROM Lead")[1]["totalSize"] == 2
    org.door("clock", offset_seconds=3601)
    assert org.query("SELECT Id FROM Lead")[1]["totalSize"] == 3
