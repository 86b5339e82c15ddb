"""Two streams of one customer that run at once on a shared store."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa

from tests.end_to_end import site as sites

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_what_two_streams_learn_of_one_record_at_the_same_time_is_both_remembered(
    postgres_dsn: str, tmp_path: Path
) -> None:
    with sites.opened(tmp_path, postgres_dsn) as site:
        site.crm.enter("1", name="Ann", phone="727 555 0001")
        life = site.start()
        site.settle(life)
        lead = site.door.lead_of("1")
        site.door.call(lead["lead_id"], "SALE", seconds_ago=30)
        site.crm.change("1", name="Anna", call_status="sold")  # the call's result was entered by hand already
        (of_leads, leads), (of_calls, calls) = life.streams
        meanwhile = threading.Thread(target=life.engine.run_stream, args=(of_leads, leads))

        def run_the_other(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("UPDATE link SET base") and meanwhile.ident is None:
                meanwhile.start()
                # outside a transaction: within one, PostgreSQL shows the sessions there were at the first look
                with site.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
                    while meanwhile.is_alive() and not watcher.exec_driver_sql(_WAITING).scalar_one():
                        pass  # it ends, or it waits for us: both within milliseconds

        sa.event.listen(site.db.engine, "before_cursor_execute", run_the_other)
        assert life.engine.run_stream(of_calls, calls).result == "ok"
        meanwhile.join()
        assert site.door.lead_of("1")["first_name"] == "Anna"

        site.crm.change("1", name="Ann")
        site.settle(life)
        assert site.door.lead_of("1")["first_name"] == "Ann"
