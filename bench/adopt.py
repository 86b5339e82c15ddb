"""`python -m bench.adopt`: what it takes to adopt the leads of a running call centre, through VICIdial's API.

Half of the leads carry the CRM's ids; the others carry another system's and are adopted by phone and name (`--names`).
The CRM is an SQLite file and the dialer the simulator, each leaves the processor to the other; what is counted is the
process of `syncd adopt` alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import child, crm, site
from bench.dialer import LIST_ID
from syncd.simulators.vicidial.world import load_state

FIRST_LEAD = 1_000_000


def leads(count: int) -> Iterator[dict[str, Any]]:
    """The leads of the bench's people, as somebody else has entered them."""
    for number, person in enumerate(crm.people(1, count), 1):
        yield {
            "lead_id": FIRST_LEAD + number,
            "vendor_lead_code": str(number) if number % 2 else f"X{number}",
            "source_id": "web",
            "list_id": LIST_ID,
            "status": "NA",
            "phone_code": "1",
            "phone_number": person.phone,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "city": person.city,
            "state": person.state,
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.adopt", description=__doc__)
    parser.add_argument("--leads", type=int, default=50_000, metavar="N")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        state = Path(name) / "leads.json"
        known = dict(load_state(None))
        state.write_text(json.dumps({**known, "leads_for_calls_json": list(leads(given.leads))}))
        with site.open_site(Path(name) / "site", dialer_options=("--state", str(state))) as place:
            place.crm.add(given.leads)
            place.configure()
            first = place.measure(child.adopt)
            again = place.measure(child.adopt)
            run = place.measure(child.syncd)
    if first["links"] != given.leads or run["counts"].get("leads.create"):
        print(f"{first['links']} of {given.leads} leads are adopted: {first} {run['counts']}", file=sys.stderr)
        return 1
    found = {
        "leads": given.leads,
        "seconds": round(first["wall_seconds"], 1),
        "cpu_seconds": round(first["cpu_seconds"], 1),
        "cpu_ms_each": round(first["cpu_seconds"] / given.leads * 1000, 3),
        "peak_mb": round(first["peak_kib"] / 1024, 1),
        "again_seconds": round(again["wall_seconds"], 1),
        "again_cpu_ms_each": round(again["cpu_seconds"] / given.leads * 1000, 3),
        "store_mb": first["store_mb"],
        "next_run_creates": run["counts"].get("leads.create", 0),
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
