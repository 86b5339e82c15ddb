"""The client file that the demo's daemon reads: what a customer would write, with short intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from syncd.cli.demo import books, dialer, scenario

PASSWORD_VARIABLE = "SYNCD_DEMO_PASSWORD"  # noqa: S105  # the variable's name
FIND_LAG_SECONDS = 3

_FILE = """\
# Written by `syncd demo`. Intervals and the find lag are short, so that the demo is; everything else is usual.
store: {store}
stop_seconds: 10s
log: {{format: json, level: info}}

clients:
  {client}:
    phone_region: US

    crm:
      type: sql
      url: {crm}
      leads: {{table: people, id: id, modified: modified, deleted: deleted}}
      calls: {{table: calls, key: call_key}}

    dialer:
      type: vicidial
      url: {url}
      user: {user}
      password: ${{env:{password}}}
      time_zone: {zone}
      use_non_latin: true
      campaign_id: {campaign}
      history_days: 1
      find_lag_seconds: {lag}          # an answer that is not there by then never comes; default: 120

    pipelines:
      leads:
        start: all
        every: 1s
        where: {{stage: open}}
        opt_out: {{do_not_call: true}}
        fields:
          phone_number: {{from: [mobile, phone]}}
{columns}
          country_code: {{from: country, map: {{{countries}}}}}
          list_id:
            rules:
              - {{when: {{city: Nowhere}}, value: {missing_list}}}
              - {{when: {{country: Germany}}, value: {german_list}}}
            default: {list}
      calls:
        start: all
        every: 1s
        fields:
          person_id: crm_id
          uniqueid: uniqueid
          direction: leg
          started_at: call_date
          seconds: length_in_sec
          agent: user
          result: {{from: status, map: {{{statuses}}}}}
      dispositions:
        start: all
        every: 1s
        fields:
          call_status: {{from: status, map: {{{statuses}}}}}
          do_not_call: {{rules: [{{when: {{status: DNC}}, value: "true"}}]}}
          last_call_at: call_date
          last_agent: user
"""


def write(path: Path, *, crm: Path, store: Path, url: str) -> None:
    """Write the file; the password stays in the environment of the daemon."""
    path.write_text(
        _FILE.format(
            store=json.dumps(f"sqlite:///{store}"),  # which is YAML, too, whatever the path holds
            crm=json.dumps(f"sqlite:///{crm}"),
            client=books.CLIENT,
            url=url,
            user=dialer.API_USER,
            password=PASSWORD_VARIABLE,
            zone=dialer.TIME_ZONE,
            campaign=scenario.CAMPAIGN,
            lag=FIND_LAG_SECONDS,
            columns="\n".join(f"          {lead}: {name}" for name, lead in books.LEAD_COLUMNS.items()),
            countries=_table(books.COUNTRY_CODES),
            statuses=_table(scenario.STATUSES),
            list=scenario.LIST,
            german_list=scenario.GERMAN_LIST,
            missing_list=scenario.MISSING_LIST,
        ),
        encoding="utf-8",
    )


def _table(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in pairs.items())
