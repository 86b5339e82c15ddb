"""A customer who syncs people, calls and dispositions between a CRM and a VICIdial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.crms.crms import Crm
from tests.crms.site import Site

STRANGERS = (900, 901)  # leads of one phone that are not syncd's


@dataclass
class Customer:
    """The CRM, and the site with the command and the dialer."""

    crm: Crm
    site: Site

    def configure(self, *, leads: str = "start: all", fields: str = "", edits: str = "") -> None:
        """Write the configuration. `leads`: lines of that pipeline; `fields`: more of its fields, `NAME: NAME`;
        `edits`: the fields of that pipeline."""
        names = self.crm.names
        statuses = ", ".join(f"{ours}: {theirs}" for ours, theirs in self.crm.statuses.items())
        calls = ", ".join(f"{ours}: {theirs}" for ours, theirs in self.crm.calls.items())
        rest = f"""\
{self.crm.options}
    pipelines:
      leads:
        {leads}
        opt_out: {{{names["out"]}: true}}
        fields: {{phone_number: {names["phone"]}, first_name: {names["first"]}, list_id: {{value: 101}}{fields}}}
      calls:
        start: all
        fields: {{{calls}}}
      dispositions:
        start: all
        fields:
          {names["status"]}: {{from: status, map: {{{statuses}}}}}
          {names["out"]}: {{rules: [{{when: {{status: DNC}}, value: true}}]}}
          {names["last_call"]}: call_date
          {names["city"]}: {{from: status, map: {{SALE: Clearwater}}, unmapped: blank}}
"""
        if edits:
            rest += f"      edits: {{start: all, fields: {{{edits}}}}}\n"
        self.site.configure(rest, crm=self.crm.url)

    def run(self, code: int = 0) -> dict[str, dict[str, Any]]:
        """Run every stream once, in the CRM's next second; return what each run says by stream."""
        self.crm.ahead(1)
        runs: list[dict[str, Any]] = self.site.told("run", "--once", code=code)["runs"]
        return {run["stream"]: run for run in runs}

    def lead(self, record: str) -> dict[str, Any]:
        """The lead of a record."""
        return self.site.leads()[record]

    def lead_writes(self) -> int:
        """How many requests the dialer got that add or change leads."""
        return sum(self.site.door.requests(name) for name in ("add_lead", "update_lead"))

    def status(self, pipeline: str = "leads") -> dict[str, Any]:
        """What `syncd status` says of a pipeline."""
        (told,) = self.site.told("status", "acme")
        (found,) = (one for one in told["pipelines"] if one["pipeline"] == pipeline)
        return dict(found)
