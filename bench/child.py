"""One measurement in a process of its own: a run of syncd, or the plain loop that it is compared with.

Prints one JSON object. Processor time is the process's own, user and system. What a daemon does once in its life is
not counted: interpreter, imports, configuration, schema, and with `--warm` a first run over what is in the CRM already,
which compiles the SQL; `--then` says what happens in the CRM after it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import crm, site
from bench.crm import Crm


def memory_kib() -> dict[str, int]:
    """Resident memory of this process in KiB: now (VmRSS) and at its highest (VmHWM). Source: /proc, Linux only."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"rss": int(lines["VmRSS"].split()[0]), "peak": int(lines["VmHWM"].split()[0])}


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work; return what it returns with `cpu_seconds` and `wall_seconds`."""

    def cpu() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    cpu_before, wall_before = cpu(), time.perf_counter()
    result = work()
    return {"cpu_seconds": cpu() - cpu_before, "wall_seconds": time.perf_counter() - wall_before, **result}


def syncd(config: Path, *, warm: bool, then: str, stop_after: int) -> dict[str, Any]:
    """Run the client's stream of leads as the daemon does. `then` is `add:N`, `rename:N` or "". `stop_after`: end each
    run in order once so many leads have been settled in it (0: never)."""
    from syncd.config import load
    from syncd.core import model
    from syncd.daemon import logs, setup
    from syncd.engine.run import Engine
    from syncd.store import upgrade
    from syncd.store.database import Database

    settings = load.load(config)
    logs.configure(shape=settings.log.format, level=settings.log.level)
    resident: list[int] = []
    settled = 0

    def on_commit(label: str, moment: str) -> None:
        nonlocal settled
        if label == "stage" and moment == "after":
            resident.append(memory_kib()["rss"])
        settled += label == "settle" and moment == "after"

    with closing(Database(settings.store.get_secret_value(), on_commit=on_commit)) as db:
        upgrade.upgrade(db, now=datetime.now(UTC))
        with setup.clients(settings) as (client,):
            batch = client.dialer.streams["leads"].batch_size
            most = 0
            engine = Engine(db, stopping=lambda: 0 < most <= settled * batch)
            setup.register(engine, [client])

            def run() -> dict[str, Any]:
                report = engine.run_stream(client, model.Side("crm", "leads"))
                return {"result": report.result, "why": report.error, "counts": report.counts, "held": report.held}

            if warm:
                most = 1  # a first full read that was stopped is not over: creates are still looked for first
                run()
                settled = 0
            most = stop_after
            if then:
                what, _, count = then.partition(":")
                {"add": Crm.add, "rename": Crm.rename}[what](Crm(config.parent / "crm.db"), int(count))
            return {**measured(run), "rss_kib": resident, "peak_kib": memory_kib()["peak"]}


def loop(path: Path, url: str) -> dict[str, Any]:
    """What integrations usually do: for each row a GET without a session."""
    import requests

    address = f"{url}/vicidial/non_agent_api.php"

    def run() -> dict[str, Any]:
        sent = 0
        with closing(sqlite3.connect(path)) as connection:
            names = (*crm.COLUMNS, "phone", "id")
            for row in connection.execute(f"SELECT {', '.join(names)} FROM people ORDER BY id"):  # noqa: S608  # our names
                person = dict(zip(names, row, strict=True))
                answer = requests.get(
                    address,
                    params={
                        "source": "loop",
                        "user": site.USER,
                        "pass": site.PASSWORD,
                        "function": "add_lead",
                        "phone_number": person["phone"],
                        "phone_code": "1",
                        "list_id": site.LIST_ID,
                        "vendor_lead_code": person["id"],
                        "dnc_check": "AREACODE",
                        "list_exists_check": "Y",
                        **{name: person[name] for name in crm.COLUMNS},
                    },
                    timeout=30,
                )
                sent += answer.text.startswith("SUCCESS")
        return {"result": "ok", "counts": {"sent": sent}}

    return measured(run)


def main() -> int:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m bench.child")
    what = parser.add_subparsers(dest="what", required=True)
    run = what.add_parser("syncd")
    run.add_argument("config", type=Path)
    run.add_argument("--warm", action="store_true")
    run.add_argument("--then", default="")
    run.add_argument("--stop-after", type=int, default=0)
    plain = what.add_parser("loop")
    plain.add_argument("crm", type=Path)
    plain.add_argument("url")
    given = parser.parse_args()
    if given.what == "loop":
        result = loop(given.crm, given.url)
    else:
        result = syncd(given.config, warm=given.warm, then=given.then, stop_after=given.stop_after)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
