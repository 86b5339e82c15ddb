"""The review file of an adoption: written for a person, read back with what the person has decided."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.core import adopt
from syncd.sdk import errors, records

if TYPE_CHECKING:
    from syncd.core import model
    from syncd.engine import parts
    from syncd.store.adoption import Row
    from syncd.store.database import Database

COLUMNS = ("crm_id", "proposed", "leads", "phone", "reason", "decision")
NAMES = ("crm_name", "lead_names")
_DECISIONS = "adopt LEAD_ID, create, skip, or nothing"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decided line. `lead_id`: of "adopt"."""

    line: int
    crm_id: str
    decision: str
    lead_id: str = ""


def write(path: Path, db: Database, client: parts.Client, leads: model.Pipeline, *, show: bool) -> int:
    """Write what is undecided; return how many records that is. The CRM is asked for their phones, and with `show` both
    sides for names. Raises UserError where the file is there already, and where a far system cannot be read."""
    from syncd.engine import preview
    from syncd.store import adoption

    def lines() -> Iterator[list[str]]:
        for rows in adoption.each(db, client.name, ""):
            yield from _told(client, leads, rows, show=show)

    with preview.explained(client.name, leads.source):
        return _written(path, [*COLUMNS[:-1], *(NAMES if show else ()), COLUMNS[-1]], lines())


def write_was(path: Path, db: Database, client: str) -> int:
    """Write what stood in adopted leads where their keys are now; return how many fields that is. Raises UserError
    where the file is there already."""
    from syncd.store import adoption

    def lines() -> Iterator[list[str]]:
        for rows in adoption.each(db, client, "adopted"):
            for row in rows:
                yield from ([row.lead_id, row.crm_id, name, _safe(value)] for name, value in sorted(row.was.items()))

    return _written(path, ["lead_id", "crm_id", "field", "value"], lines())


def _written(path: Path, header: list[str], lines: Iterable[list[str]]) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fix = "name another file: somebody's decisions may be in it" if isinstance(error, FileExistsError) else ""
        raise errors.UserError([errors.Problem(f"cannot be written: {error.strerror}", str(path), fix)]) from None
    number = 0
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(header)
            for line in lines:
                out.writerow(line)
                number += 1
    except BaseException:
        path.unlink(missing_ok=True)  # half a file would be taken for all there is
        raise
    return number


def _told(client: parts.Client, leads: model.Pipeline, found: Sequence[Row], *, show: bool) -> list[list[str]]:
    spec = client.dialer.streams["leads"]
    code, number = spec.phone or ("", "")
    size = max(1, client.crm.streams[leads.source.stream].batch_size)
    people: dict[str, Mapping[str, str | None]] = {}
    for start in range(0, len(found), size):
        ids = [row.crm_id for row in found[start : start + size]]
        there = client.crm.get(leads.source.stream, ids, leads.reads)
        people.update((record.id, leads.fields(record.fields).fields) for record in there)
    named: dict[str, records.Record] = {}
    if show:
        wanted = sorted({lead for row in found for lead in row.leads})
        named = {lead.id: lead for lead in client.dialer.get("leads", wanted, spec.person)} if wanted else {}
    told = []
    for row in found:
        person = people.get(row.crm_id, {})
        line = [
            row.crm_id,
            row.lead_id,
            " ".join(row.leads),
            adopt.masked(person.get(code) or "", person.get(number) or ""),
            adopt.REASONS.get(row.reason, row.reason),
        ]
        if show:
            lead_names = "; ".join(
                f"{lead}: {_name(spec.person, named[lead].fields)}" for lead in row.leads if lead in named
            )
            line += [_safe(_name(spec.person, person), "+-"), _safe(lead_names, "+-")]
        told.append([*map(_safe, line), ""])
    return told


def _name(person: Sequence[str], fields: Mapping[str, str | None]) -> str:
    return " ".join(value for name in person if (value := fields.get(name)))


def _safe(cell: str, more: str = "") -> str:
    """A cell that no spreadsheet takes for a formula, as one may that begins with one of these, or of `more`."""
    return f"'{cell}" if cell[:1] and cell[:1] in "=@\t\r" + more else cell


def read(path: Path) -> list[Decision]:
    """The decided lines. Raises UserError with all that is wrong, by file and line."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise errors.UserError([errors.Problem(f"cannot be read: {why}", str(path))]) from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)  # a spreadsheet may have stored it its own way
    lines = csv.reader(text.splitlines(), delimiter=separator)
    header = [cell.strip() for cell in next(lines, [])]
    problems = [
        errors.Problem(f"there is no column {name}", f"{path}:1", "begin with the first line that `--review` wrote")
        for name in ("crm_id", "decision")
        if name not in header
    ]
    if problems:
        raise errors.UserError(problems)
    found: list[Decision] = []
    seen: dict[str, int] = {}
    for cells in lines:
        line = lines.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.append(
                errors.Problem(f"{len(cells)} columns instead of {len(header)}", f"{path}:{line}", "correct the line")
            )
            continue
        row = dict(zip(header, map(str.strip, cells), strict=True))
        crm_id = row["crm_id"].removeprefix("'") if row["crm_id"][1:2] in ("=", "@") else row["crm_id"]
        decision, _, lead_id = row["decision"].partition(" ")
        decision, lead_id = decision.lower(), lead_id.strip()
        if not crm_id:
            problems.append(errors.Problem("crm_id is blank", f"{path}:{line}", "correct the line"))
        elif crm_id in seen:
            problems.append(
                errors.Problem(f"CRM record {crm_id} was on line {seen[crm_id]} already", f"{path}:{line}", "keep one")
            )
        elif decision and (decision not in ("adopt", "create", "skip") or bool(lead_id) != (decision == "adopt")):
            problems.append(errors.Problem(f"no such decision: {row['decision']}", f"{path}:{line}", _DECISIONS))
        elif decision:
            found.append(Decision(line, crm_id, decision, lead_id))
        seen.setdefault(crm_id, line)
    if problems:
        raise errors.UserError(problems)
    return found


def checked(path: Path, db: Database, client: str, found: Sequence[Decision]) -> int:
    """Hold decisions against what the store knows, and store them if all of them are right; return how many are new.
    Raises UserError with all that is wrong, by file and line; then nothing is stored."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from syncd.store import adoption, known

    rows = adoption.rows(db, client, [one.crm_id for one in found])
    ids = [one.lead_id for one in found if one.lead_id]
    taken = known.links_by_dialer(db, client, "leads", ids)
    problems: list[errors.Problem] = []
    chosen: dict[str, Decision] = {}
    new: list[adoption.Row] = []
    for one in found:
        row, where = rows.get(one.crm_id), f"{path}:{one.line}"
        if row is None:
            what = f"of CRM record {one.crm_id} nothing is to be decided"
            problems.append(errors.Problem(what, where, "leave the line out"))
            continue
        if row.decision in ("adopt", "adopted") and one.decision == "adopt" and row.lead_id == one.lead_id:
            continue
        if row.decision == one.decision and one.decision != "adopt":
            continue
        if row.decision == "adopted":
            what = f"CRM record {one.crm_id} has lead {row.lead_id} already"
            problems.append(errors.Problem(what, where, "leave the line out"))
        elif one.lead_id and one.lead_id not in row.leads:
            what = f"lead {one.lead_id} is none of those that record {one.crm_id} may have"
            problems.append(errors.Problem(what, where, f"there are: {', '.join(row.leads)}"))
        elif one.lead_id in taken:
            what = f"lead {one.lead_id} belongs to CRM record {taken[one.lead_id].crm_id}"
            problems.append(errors.Problem(what, where, "decide otherwise"))
        elif one.lead_id and one.lead_id in chosen:
            what = f"line {chosen[one.lead_id].line} gives lead {one.lead_id} to another record"
            problems.append(errors.Problem(what, where, "a lead is one record's: decide otherwise"))
        else:
            new.append(replace(row, decision=one.decision, lead_id=one.lead_id, todo=True))
        if one.lead_id:
            chosen.setdefault(one.lead_id, one)
    if problems:
        raise errors.UserError(problems)
    adoption.decide(db, client, new, datetime.now(UTC))
    return len(new)
