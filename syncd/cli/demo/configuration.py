"""The client file that the demo's daemon reads: what a customer would write, with short intervals."""

from __future__ import annotations

import json
from pathlib import Path

from syncd.cli.demo import books, crm, dialer, scenario

PASSWORD_VARIABLE = "SYNCD_DEMO_PASSWORD"  # noqa: S105  # the variable's name
FIND_LAG_SECONDS = 3
_NAMED = ("stage", "do_not_call", "mobile", "phone", "country", "city")

_FILE = """\
# Written by `syncd demo`. Intervals and the find lag are short, so that the demo is; everything else is usual.
store: {store}
stop_seconds: 10s
log: {{format: json, level: info}}

clients:
  {client}:
    phone_region: US

    crm:
{options}

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
        where: {{{stage}: open}}
        opt_out: {{{do_not_call}: true}}
        fields:
          phone_number: {{from: [{mobile}, {phone}]}}
{columns}
          country_code: {{from: {country}, map: {{{countries}}}}}
          list_id:
            rules:
              - {{when: {{{city}: Nowhere}}, value: {missing_list}}}
              - {{when: {{{country}: Germany}}, value: {german_list}}}
            default: {list}
      calls:
        start: all
        every: 1s
        fields:
{calls}
      dispositions:
        start: all
        every: 1s
        fields:
{dispositions}
"""


def write(path: Path, *, words: crm.Words, store: Path, url: str) -> None:
    """Write the file; the password stays in the environment of the daemon."""
    path.write_text(
        _FILE.format(
            store=json.dumps(f"sqlite:///{store}"),  # which is YAML, too, whatever the path holds
            options=words.options,
            calls=words.calls,
            dispositions=words.dispositions,
            client=books.CLIENT,
            url=url,
            user=dialer.API_USER,
            password=PASSWORD_VARIABLE,
            zone=dialer.TIME_ZONE,
            campaign=scenario.CAMPAIGN,
            lag=FIND_LAG_SECONDS,
            columns="\n".join(f"          {lead}: {words.columns[name]}" for name, lead in books.LEAD_COLUMNS.items()),
            countries=crm.table(books.COUNTRY_CODES),
            **{name: words.columns[name] for name in _NAMED},
            list=scenario.LIST,
            german_list=scenario.GERMAN_LIST,
            missing_list=scenario.MISSING_LIST,
        ),
        encoding="utf-8",
    )
