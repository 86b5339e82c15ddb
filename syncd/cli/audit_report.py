"""The report of an audit: for a terminal, as JSON, and as one HTML page. Ids and names of fields, no values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.cli import output
from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.store import audit as stored
    from syncd.store.database import Database

READ = ("records", "leads", "activities", "calls")
MOST = 10_000  # findings that a report names
_WORDS = {
    ("missing", "never_made"): ("should have a lead and has none", "is planned again by --repair"),
    ("missing", "gone"): (
        "its lead was deleted on the dialer",
        "--repair holds it: `syncd held retry` makes a new lead, `syncd held drop` leaves it",
    ),
    ("doubled", ""): (
        "has more than one lead in dialling",
        "take the others out of dialling on the dialer; keep the one that was called",
    ),
    ("orphaned", "gone"): (
        "the CRM does not show the record of this lead any more",
        "look for it in the CRM; if it is gone, `syncd backfill CLIENT leads --ids FILE` takes its lead out",
    ),
    ("orphaned", "deleted"): ("its CRM record was deleted, and its lead is still in dialling", ""),
    ("orphaned", "opt_out"): ("opted out, and has a lead in dialling", ""),
    ("orphaned", "consent"): ("has no consent any more, and a lead in dialling", ""),
    ("orphaned", "left"): ("does not meet `where` any more, and has a lead in dialling", ""),
    ("differing", "crm_changed"): ("the lead lacks what the CRM holds", ""),
    ("differing", "dialer_changed"): (
        "was changed on the dialer",
        "correct one of both sides; the pipeline `edits` brings what agents change to the CRM",
    ),
    ("call_without_activity", "never_made"): ("has no activity in the CRM", "is read again by --repair"),
    ("call_without_activity", "gone"): (
        "its activity was deleted in the CRM",
        "--repair holds it: `syncd held retry` makes it anew, `syncd held drop` leaves it",
    ),
    ("activity_without_call", "gone"): (
        "the dialer does not have its call any more",
        "look whether the call was purged; delete the activity if it should be, too",
    ),
    ("activity_without_call", "unknown_origin"): (
        "carries a key like syncd's, but no call has it",
        "look who made it: another client of the same CRM, or an earlier store",
    ),
}
_BY_PLANNING = "is planned again by --repair"
_BY_HAND = "take the lead out of dialling on the dialer"
_BY_COUNT = "see docs/audit.md for calls that a source of calls does not tell of"


def head(row: stored.Audit) -> dict[str, Any]:
    """An audit with stable keys."""
    return {
        "id": row.id,
        "client": row.client,
        "state": row.state,
        "phase": row.phase if row.state == "open" else "",
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "created_by": row.created_by,
        "calls_since": row.since,
        "rate": row.rate,
        "drift": row.drift,
        "error": row.error,
        "read": {name: row.counts.get(name, 0) for name in READ},
    }


def made(db: Database, row: stored.Audit, mended: dict[str, Any] | None = None) -> dict[str, Any]:
    """The report of an audit that is done."""
    from syncd.store import audit as stored

    found = stored.findings(db, row.id, ["confirmed", "mended"], limit=MOST)
    tally = stored.tally(db, row.id)
    return head(row) | {
        "found": tally,
        "findings": [
            {
                "kind": one.kind,
                "subject": one.subject,
                "far_ids": list(one.far_ids),
                "reason": one.reason,
                "fields": list(one.fields),
                "at": one.at,
                "mend": one.mend,
                "said": _said(one)[0],
                "to_do": _said(one)[1],
            }
            for one in found
        ],
        "more": sum(tally.values()) - len(found),
        "explained": {name: number for name, number in row.counts.items() if name not in READ and number},
        "days": [{"day": one.day, "calls": one.calls, "told": one.told} for one in stored.days(db, row.id)],
        "not_seen": list(row.notes),
        "repair": mended,
    }


def _said(one: Any) -> tuple[str, str]:
    if one.kind == "count":
        return one.reason, _BY_COUNT
    said, to_do = _WORDS.get((one.kind, one.reason), (one.reason, ""))
    if not to_do:
        to_do = _BY_PLANNING if one.mend == "backfill" else _BY_HAND
    return said, to_do


def say(out: output.Output, report: dict[str, Any], limit: int) -> None:
    """The report for people."""
    read = ", ".join(f"{number} {name}" for name, number in report["read"].items() if number)
    out.line(f"audit {report['id']} of {report['client']}: read {read or 'nothing'}")
    shown = report["findings"][:limit]
    if shown:
        columns = ("kind", "subject", "far side", "fields", "what", "to do")
        rows = [
            [
                one["kind"],
                one["subject"],
                ", ".join(one["far_ids"]),
                ", ".join(one["fields"]),
                one["said"],
                one["to_do"],
            ]
            for one in shown
        ]
        out.table(columns, rows)
    left = sum(report["found"].values()) - len(shown)
    if left:
        out.line(f"and {left} more; --limit, --json or --html show them")
    for day in report["days"]:
        if day["told"] is not None and day["told"] != day["calls"]:
            out.line(f"{day['day']}: {day['calls']} calls read, the dialer counts {day['told']}")
    if report["explained"]:
        out.line(f"no drift: {output.reasons(report['explained'])}")
    for note in report["not_seen"]:
        out.line(f"not seen: {note}")
    out.line(f"drift: {report['drift']} ({output.reasons(report['found']) or 'nothing'})")
    if (repair := report["repair"]) is not None:
        out.line(
            f"repair: {repair['handed']} planned again, {repair['held']} held for you (`syncd held list "
            f"{report['client']}`), {repair['left']} left to you"
        )
        if repair["unfinished"]:
            numbers = ", ".join(map(str, repair["unfinished"]))
            out.line(f"  not done yet: backfill {numbers}; `syncd backfill list` says why")


def write_page(path: Path, report: dict[str, Any]) -> None:
    """The report as one page without anything from elsewhere, readable by its owner alone. Raises UserError."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    text = environment.from_string(_PAGE).render(report=output.plain(report))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise errors.UserError(
            [errors.Problem(f"the report cannot be written: {error.strerror}", str(path), "name another file")]
        ) from None


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit {{ report.id }} of {{ report.client }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.drift { font-size: 1.4rem; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<h1>Audit {{ report.id }} of {{ report.client }}</h1>
<p class="drift">Drift: <strong>{{ report.drift }}</strong></p>
<p>From {{ report.created_at }} to {{ report.ended_at }}, asked for by {{ report.created_by }}. Read:
{% for name, number in report.read.items() %}{{ number }} {{ name }}{{ ", " if not loop.last else "." }}{% endfor %}</p>
<h2>Findings</h2>
{% if report.findings %}
<table><thead><tr><th>kind</th><th class="number">number</th></tr></thead><tbody>
{% for kind, number in report.found.items() %}
<tr><td>{{ kind }}</td><td class="number">{{ number }}</td></tr>
{% endfor %}
</tbody></table>
<div class="wide"><table>
<thead><tr><th>kind</th><th>subject</th><th>far side</th><th>fields</th><th>what</th><th>to do</th></tr></thead><tbody>
{% for one in report.findings %}
<tr><td>{{ one.kind }}</td><td>{{ one.subject }}</td><td>{{ one.far_ids | join(", ") }}</td>
<td>{{ one.fields | join(", ") }}</td><td>{{ one.said }}</td><td>{{ one.to_do }}</td></tr>
{% endfor %}
</tbody></table></div>
{% if report.more %}<p>And {{ report.more }} more.</p>{% endif %}
{% else %}
<p>Nothing.</p>
{% endif %}
{% if report.repair %}
<h2>Repair</h2>
<p>{{ report.repair.handed }} planned again, {{ report.repair.held }} held for a person, {{ report.repair.left }} left
to the operator.</p>
{% endif %}
{% if report.explained %}
<h2>Differs, but is no drift</h2>
<table><tbody>
{% for why, number in report.explained.items() %}
<tr><td>{{ why }}</td><td class="number">{{ number }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if report.days %}
<h2>Calls a day</h2>
<table><thead><tr><th>day</th><th class="number">read</th><th class="number">counted by the dialer</th></tr></thead>
<tbody>
{% for one in report.days %}
<tr><td>{{ one.day }}</td><td class="number">{{ one.calls }}</td>
<td class="number">{{ one.told if one.told is not none else "not told" }}</td></tr>
{% endfor %}
</tbody></table>
{% endif %}
{% if report.not_seen %}
<h2>What could not be seen</h2>
<ul>{% for note in report.not_seen %}<li>{{ note }}</li>{% endfor %}</ul>
{% endif %}
</body>
</html>
"""
