"""`syncd doctor` tells people and scripts what is there, missing and more than needed, on both sides of a client."""

from __future__ import annotations

import re
from typing import Any

from tests.cli import shop as shops


def user(shop: shops.Shop, **fields: object) -> None:
    with shop.sim.world.lock:
        for name, value in fields.items():
            setattr(shop.sim.world.users["6666"], name, value)


def findings(shop: shops.Shop, *arguments: str, code: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    ran = shop.syncd("doctor", *arguments, "--json")
    assert ran.code == code, ran
    told = ran.json()
    assert told["ok"] == (code == 0)
    return {(one["system"], one["what"]): one for one in told["findings"]}


def test_a_customer_who_lacks_nothing_gets_a_table_and_code_0(shop: shops.Shop) -> None:
    ran = shop.syncd("doctor", "acme")
    assert ran.code == 0, ran
    lines = [line.split("  ") for line in ran.out.splitlines()]
    assert ["acme crm (sql)"] in lines
    assert ["acme dialer (vicidial)"] in lines
    rows = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines if len(line) > 1}
    assert rows["Modify Leads"] == ["found", "1 or more"]
    assert rows["User Level"] == [
        "more than needed",
        "9",
        "Users › 6666 › User Level: 8 is enough, unless you use `syncd stats`",
    ]
    assert rows["recording_lookup"] == ["not needed", "may be called"]
    assert re.fullmatch(r"acme: \d+ found, 5 more than needed, \d+ not needed", ran.out.splitlines()[-1])
    assert ran.err == ""
    assert shop.leads() == []


def test_what_is_missing_has_its_place_in_the_file_and_code_2(shop: shops.Shop) -> None:
    user(shop, modify_leads=0)
    settings = shop.settings()
    client = settings["clients"]["acme"]
    client["dialer"]["lists"] = ["777"]
    client["agents"] = {"1001": "ann@example.com", "nobody": "bo@example.com"}
    client["pipelines"]["leads"]["fields"]["emal"] = "first_name"
    shop.write(settings)
    found = findings(shop, code=2)
    missing = {key for key, one in found.items() if one["state"] == "missing"}
    assert missing >= {
        ("dialer", "Modify Leads"), ("dialer", "add_lead"), ("dialer", "user nobody"),
        ("mapping", "dialer.leads has no field 'emal'"),
    }  # fmt: skip
    assert found["dialer", "Modify Leads"]["fix"] == "Users › 6666 › Modify Leads: 1 to 4"
    assert found["mapping", "dialer.leads has no field 'emal'"]["where"].startswith(f"{shop.config}:")
    user(shop, modify_leads=1)
    gone = findings(shop, code=2)["dialer", "list 777"]
    assert gone["where"].startswith(f"{shop.config}:")
    assert gone["where"].endswith("clients.acme.dialer.lists")


def test_the_crm_is_looked_at_as_well(shop: shops.Shop) -> None:
    settings = shop.settings()
    settings["clients"]["acme"]["crm"]["leads"]["modified"] = "changed"
    shop.write(settings)
    found = findings(shop, "acme", code=2)
    assert any(system == "crm" and "changed" in what for system, what in found)
    assert found["dialer", "add_lead"]["state"] == "found"


def test_it_works_before_there_is_a_store_and_makes_none(bare: shops.Shop) -> None:
    assert findings(bare)["dialer", "login"]["state"] == "found"
    assert not bare.store.exists()
    assert bare.syncd("doctor", "nobody").code == 2


def test_what_it_learns_is_shown_by_status(shop: shops.Shop) -> None:
    assert "VICIdial 2.14" not in shop.syncd("status").out
    findings(shop)
    assert "dialer: VICIdial 2.14-194 build 241004-1518, user 6666" in shop.syncd("status").out
    [told] = shop.syncd("status", "--json").json()
    first, additions = told["known"]["dialer"]
    assert first == "VICIdial 2.14-194 build 241004-1518, user 6666"
    assert additions.startswith("additions that it has not: get_call_log, dnc_check, ")


def test_recordings_are_looked_up_with_a_right_of_their_own(shop: shops.Shop) -> None:
    shop.crm("ALTER TABLE calls ADD COLUMN link TEXT")
    settings = shop.settings()
    settings["clients"]["acme"]["pipelines"]["recordings"] = {
        "start": "all",
        "fields": {"link": "recording_url"},
    }
    shop.write(settings)
    assert findings(shop)["dialer", "recording_lookup"]["state"] == "found"
    user(shop, api_allowed_functions=["version", "add_lead", "update_lead", "lead_search", "lead_all_info"])
    assert findings(shop, code=2)["dialer", "recording_lookup"]["said"].endswith("for recordings")


def test_statistics_want_a_level_that_nothing_else_does(shop: shops.Shop) -> None:
    user(shop, user_level=8)
    assert findings(shop)["dialer", "call_status_stats"]["state"] == "not_needed"
    settings = shop.settings()
    settings["clients"]["acme"]["statistics"] = {"every": "30s"}
    shop.write(settings)
    found = findings(shop, code=2)
    assert found["dialer", "call_status_stats"]["said"].endswith("for statistics")
    assert found["dialer", "User Level"]["fix"] == "Users › 6666 › User Level: 9"
