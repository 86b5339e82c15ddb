"""The decision table of the docs is what the code does: row by row, for every combination of conditions."""

from __future__ import annotations

import ast
import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest

from syncd.core import condition, digest, edit, mapping, model, plan, recording
from syncd.sdk import errors, records
from syncd.sdk.testing.memory import DIALER, START
from tests.core import tables
from tests.core.tables import Case

HASHES = digest.Digest(b"a secret of sixteen bytes or more")
CALLS = DIALER["calls"]
YES_NO = ("yes", "no")
TRACED = 100  # cases of a row
OPT_OUT = condition.Condition((condition.Test("do_not_call", "true"),))
WANTED = condition.Condition((condition.Test("wanted", "in", ("yes",)),))


def base(**agreed: str) -> dict[str, tuple[str, str]]:
    """The base of fields that both sides hold alike."""
    return {name: (HASHES.value(value), HASHES.value(value)) for name, value in agreed.items()}


def result(decide: Callable[[], model.Plan]) -> dict[str, str]:
    """What was decided, in the words of the table."""
    try:
        made = decide()
    except model.WrongKey:
        return {"verdict": "stop", "reason": "wrong_key", "lane": "", "suppress": ""}
    lane = made.lane.name.lower() if made.verdict in ("create", "update", "remove") else ""
    return {"verdict": made.verdict, "reason": made.reason, "lane": lane, "suppress": made.suppress}


# --- leads

LEADS = {
    "deleted": YES_NO,
    "opted out": ("yes", "unclear", "no"),
    "untold": YES_NO,
    "consent": YES_NO,
    "wanted": YES_NO,
    "link": ("none", "live", "out", "opted out"),
    "busy": YES_NO,
    "mapping": ("fine", "phone", "unmapped"),
    "phone": ("given", "blank", "unused"),
    "adoption": ("nothing", "skip", "undecided"),
    "shared": ("no", "hold", "allow"),
    "differs": YES_NO,
    "dated": YES_NO,
}
NUMBER = "7275550002"
CONSENT = condition.Condition((condition.Test("consent", "true"),))
ADOPTION: dict[str, Literal["", "skip", "undecided"]] = {"nothing": "", "skip": "skip", "undecided": "undecided"}
LINK_REMOVED = {"live": ("",), "out": ("deleted", "left"), "opted out": ("opt_out",)}


def lead(case: Case) -> dict[str, str]:
    """Decide one lead of the table's vocabulary."""
    fields = {"first_name": "Ann"} | ({"phone_code": "1", "phone_number": "7275550001"} if _has_phone(case) else {})
    mapped = mapping.Mapped({**fields}, () if case["mapping"] == "fine" else ((case["mapping"], "in words"),))
    pipe = model.Pipeline(
        client="acme",
        name="leads",
        kind="leads",
        source=model.Side("crm", "leads"),
        target=model.Side("dialer", "leads"),
        fields=mapping.FieldMapping(
            (mapping.Rule("first_name", ("first_name",)), mapping.Rule("alt_phone", ("cell",), transforms=("phone",))),
            phone_fields=None if case["phone"] == "unused" else ("phone_code", "phone_number"),
        ),
        where=WANTED,
        opt_out=OPT_OUT,
        shared_phone="allow" if case["shared"] == "allow" else "hold",
        start="now",
        consent=CONSENT,
        keeps_out=case["untold"] == "yes" or case["link"] != "none",
    )
    record = records.Record(
        "7",
        {
            "do_not_call": {"yes": "true", "unclear": "X", "no": None}[case["opted out"]],
            "wanted": case["wanted"],
            "cell": NUMBER,
            "consent": case["consent"],
        },
        START if case["dated"] == "yes" else None,
        case["deleted"] == "yes",
    )
    agreed = base(**{**fields, "first_name": "Anna" if case["differs"] == "yes" else "Ann"})
    if case["untold"] == "no":
        agreed |= base(phones=NUMBER)
    found = [
        result(
            lambda removed=removed: plan.lead(  # type: ignore[misc]  # mypy cannot infer a lambda's default
                pipe,
                record,
                model.Known(
                    link=None if case["link"] == "none" else model.Link(1, "7", "1001", "7", agreed, removed),
                    busy=case["busy"] == "yes",
                    phone_of="" if case["shared"] == "no" else "8",
                    adoption=ADOPTION[case["adoption"]],
                ),
                mapped,
                HASHES,
                "raw",
            )
        )
        for removed in LINK_REMOVED.get(case["link"], ("",))
    ]
    assert all(one == found[0] for one in found), "one word of the table means several things"
    return found[0]


def _has_phone(case: Case) -> bool:
    return case["phone"] == "given"


# --- calls

AS_CALLS = {
    "lead": ("ours", "waiting", "other"),
    "key": ("same", "another", "gone"),
    "running": YES_NO,
    "wanted": YES_NO,
    "mapping": ("fine", "unmapped", "unknown"),
}
ACTIVITIES = AS_CALLS | {"activity": YES_NO, "busy": YES_NO, "differs": YES_NO}


def call_record(
    case: Case, flags: str = "", call_id: str = "call", minutes: int = 0, status: str = ""
) -> records.Record:
    """A call of lead 1001 as the dialer tells it."""
    unmapped = case.get("mapping") == "unmapped"
    if case.get("mapping") == "unknown":
        flags += " hold"
    key = {"same": "7", "another": "another", "gone": ""}[case.get("key", "same")]
    return records.Record(
        call_id,
        {
            "lead_id": "1001",
            "vendor_lead_code": key,
            "status": "no such status" if unmapped else status or "NI",
            "call_date": records.text(START + timedelta(minutes=minutes)),
            "user": "nobody" if case.get("mapping") == "partly" else "1001",
            "flags": f"{flags} live" if case.get("running") == "yes" else flags,
            "wanted": case.get("wanted", "yes"),
        },
        START,
        archived=case.get("call") == "archived",
    )


STATUSES = tuple((status, status) for status in ("NI", "SALE", "DNC"))


def parent(case: Case, **more: Any) -> dict[str, Any]:
    """What is known of the call's lead."""
    link = model.Link(1, "7", "1001", "7", **{"base": {}, **more})
    lead_is = case.get("lead", "ours")
    known = {"parent": link if lead_is == "ours" else None, "waits_for": "7" if lead_is == "waiting" else ""}
    return {**known, "parent_gone": case.get("key") == "gone"}


def activity(case: Case) -> dict[str, str]:
    """Decide one call of the table's vocabulary."""
    pipe = model.Pipeline(
        client="acme",
        name="calls",
        kind="calls",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "calls"),
        fields=mapping.FieldMapping((mapping.Rule("status", ("status",), table=STATUSES),)),
        where=WANTED,
    )
    agreed = base(status="NA" if case["differs"] == "yes" else "NI")
    known = model.Known(
        link=model.Link(2, "act", "call", "call", agreed) if case["activity"] == "yes" else None,
        busy=case["busy"] == "yes",
        **parent(case),
    )
    return result(lambda: plan.call(pipe, call_record(case), known, CALLS, HASHES, "raw"))


# --- dispositions

DISPOSITIONS = AS_CALLS | {
    "mapping": ("fine", "unmapped", "unknown", "partly"),
    "call": ("first", "newer", "same", "older"),
    "said": ("dnc", "sale", "other"),
    "standing": ("nothing", "sale", "dnc"),
    "lead out": YES_NO,
    "record": ("there", "gone"),
}
STATUS_STAYS = {
    "said": ("dnc", "sale", "other", "dnc before", "sale before"),
    "standing": ("nothing", "own sale", "own dnc", "earlier sale", "earlier dnc"),
    "call": ("newer", "same", "archived"),
    "opted out": YES_NO,
    "protected": YES_NO,
}
FIELDS = {
    "field": ("agreed", "same", "dialer", "crm", "both"),
    "on_conflict": ("source", "target", "hold"),
    "busy": YES_NO,
}
SAID = {"dnc": ("dnc", "DNC"), "sale": ("sale", "SALE"), "other": ("", "NI")}
MINUTES = {"first": 0, "newer": 1, "same": 0, "archived": 0, "older": -1}


def disposition_pipe(**more: Any) -> model.Pipeline:
    """A pipeline whose mapping knows the status and, where nothing else is said, the time of the call."""
    rules = (
        mapping.Rule("lead_status", ("status",), table=STATUSES),
        mapping.Rule("last_call", ("call_date",)),
        mapping.Rule("agent", ("user",), table=(("1001", "ann"),)),
    )
    return model.Pipeline(
        client="acme",
        name="dispositions",
        kind="dispositions",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "leads"),
        where=WANTED,
        opt_out=OPT_OUT,
        protect=frozenset({"won"}),
        **{"fields": mapping.FieldMapping(rules), **more},
    )


def standing_flags(word: str) -> str:
    """A standing of the tables as a link's flags."""
    *whose, flag = word.split()
    return "" if flag == "nothing" else f"kept:{flag}" if whose == ["earlier"] else flag


def known_call(case: Case) -> dict[str, Any]:
    """The newest call that the link knows of."""
    if case["call"] == "first":
        return {}
    return {"called_at": START, "call_id": "call" if case["call"] in ("same", "archived") else "known"}


def disposition(case: Case) -> dict[str, str]:
    """Decide one call's disposition of the table's vocabulary."""
    flags, status = SAID[case["said"]]
    record = call_record(case, flags, minutes=MINUTES[case["call"]], status=status)
    removed = "opt_out" if case["lead out"] == "yes" else ""
    link = parent(case, removed=removed, flags=standing_flags(case["standing"]), **known_call(case))
    target = records.Record("7", {}) if case["record"] == "there" else None
    known = model.Known(target=target, **link)
    return result(lambda: plan.disposition(disposition_pipe(), record, known, CALLS, HASHES, "raw"))


def status_stays(case: Case) -> dict[str, str]:
    """Whether the status that the CRM holds stays."""
    word, *before = case["said"].split()
    flags, status = SAID["other" if before else word]
    record = call_record(case, flags, minutes=MINUTES[case["call"]], status=status)
    stronger = call_record(case, *SAID[word][:1], "earlier", -1, SAID[word][1]) if before else None
    target = {
        "lead_status": "Won" if case["protected"] == "yes" else "whatever",
        "do_not_call": {"yes": "true", "unclear": "X", "no": None}[case["opted out"]],
    }
    known = model.Known(
        target=records.Record("7", target),
        **parent(case, flags=standing_flags(case["standing"]), **known_call(case)),
    )
    made = plan.disposition(disposition_pipe(), record, known, CALLS, HASHES, "raw", stronger=stronger)
    assert made.fields["last_call"] == record.fields["call_date"], "what is no status is written anyway"
    if "lead_status" in made.fields:
        assert made.fields["lead_status"] == SAID[word][1]
    return {"verdict": "written" if "lead_status" in made.fields else "stays"}


def field(case: Case) -> dict[str, str]:
    """What becomes of one field that both sides hold."""
    agreed = {"dialer": "old", "crm": "NI", "both": "old", "same": "NI", "agreed": "old"}[case["field"]]
    current = {"dialer": "old", "crm": "new", "both": "new", "same": "NI", "agreed": "NI"}[case["field"]]
    pair = base(**{"crm:lead_status": agreed})
    if case["field"] == "same":  # the CRM stores its own way: the texts differ, and nothing has changed
        current, pair = "ni", {"crm:lead_status": (HASHES.value("ni"), HASHES.value("NI"))}
    pipe = disposition_pipe(
        fields=mapping.FieldMapping((mapping.Rule("lead_status", ("status",)),)), on_conflict=case["on_conflict"]
    )
    known = model.Known(
        target=records.Record("7", {"lead_status": current}), busy=case["busy"] == "yes", **parent(case, base=pair)
    )
    return result(lambda: plan.disposition(pipe, call_record(case), known, CALLS, HASHES, "raw"))


# --- edits

EDITS = {
    "differs": YES_NO,
    "lead": YES_NO,
    "crm": YES_NO,
    "base": ("known", "lost"),
    "policy": ("crm", "dialer", "newest", "hold"),
    "crm time": ("before", "during", "after", "unknown"),
    "we wrote": YES_NO,
}
EDIT_LEADS = model.Pipeline(
    client="acme",
    name="leads",
    kind="leads",
    source=model.Side("crm", "leads"),
    target=model.Side("dialer", "leads"),
    fields=mapping.FieldMapping((mapping.Rule("first_name", ("name",)),)),
)
CALL_SECONDS = 60
CRM_MINUTES = {"before": -1, "during": 0.5, "after": 2}


def edit_of(case: Case) -> dict[str, str]:
    """What becomes of one field of a called lead."""
    in_lead = "Anna" if case["lead"] == "yes" else "Ann"
    in_crm = in_lead if case["differs"] == "no" else "Annabel" if case["crm"] == "yes" else "Ann"
    if case["differs"] == "yes" and in_crm == in_lead:  # the CRM stores its own way
        in_crm = "ANN"
    agreed = {"first_name": (HASHES.value(in_crm if case["crm"] == "no" else "Ann"), HASHES.value("Ann"))}
    pipe = model.Pipeline(
        client="acme",
        name="edits",
        kind="edits",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "leads"),
        fields=mapping.FieldMapping((mapping.Rule("name", ("first_name",)),)),
        edit_policy={"name": case["policy"]},  # type: ignore[dict-item]  # the vocabulary has the policies
    )
    when = CRM_MINUTES.get(case["crm time"])
    pair = edit.Pair(
        model.Link(1, "7", "1001", "7", dict.fromkeys(agreed, model.UNKNOWN) if case["base"] == "lost" else agreed),
        records.Record("1001", {"first_name": in_lead}),
        records.Record("7", {"name": in_crm}, None if when is None else START + timedelta(minutes=when)),
        (START, START + timedelta(seconds=CALL_SECONDS)),
        START + timedelta(seconds=1) if case["we wrote"] == "yes" else None,
    )
    found = edit.compare(pipe, EDIT_LEADS, pair, HASHES, dict)
    if found.conflicts:
        assert found.contested == {"first_name"}
        return {"verdict": "held"}
    if found.write:
        assert found.write == {"name": in_lead}
        return {"verdict": "written"}
    return {"verdict": "crm wins" if found.yields else "none"}


# --- do-not-call

MARKS: dict[str, tuple[str, ...]] = {
    "lead": ("ours", "other"),
    "marked": YES_NO,
    "key": ("same", "another"),
    "record": ("there", "gone"),
    "wanted": YES_NO,
    "mapping": ("fine", "unmapped"),
    "holds": YES_NO,
}


def mark(case: Case) -> dict[str, str]:
    """Decide one lead that the dialer may have marked."""
    table = (("DNCL", "true"),) if case["mapping"] == "fine" else (("DNC", "true"),)
    pipe = model.Pipeline(
        client="acme",
        name="dnc",
        kind="dnc",
        source=model.Side("dialer", "leads"),
        target=model.Side("crm", "leads"),
        fields=mapping.FieldMapping((mapping.Rule("do_not_call", ("status",), table=table),)),
        where=WANTED,
    )
    fields = {
        "status": "DNCL",
        "flags": "dnc completed" if case["marked"] == "yes" else "completed",
        "vendor_lead_code": "7" if case["key"] == "same" else "8",
        "wanted": case["wanted"],
    }
    link = None if case["lead"] == "other" else model.Link(1, "7", "1001", "7", {})
    holds = {"do_not_call": "true" if case["holds"] == "yes" else None}
    target = records.Record("7", holds) if case["record"] == "there" else None
    known = model.Known(parent=link, target=target)
    return result(lambda: plan.dnc(pipe, records.Record("1001", fields), known, DIALER["leads"], HASHES, "raw"))


# --- callbacks

CALLBACKS: dict[str, tuple[str, ...]] = {
    "callback": ("there", "gone"),
    "task": YES_NO,
    "busy": YES_NO,
    "lead": ("ours", "waiting", "other"),
    "key": ("same", "another"),
    "wanted": YES_NO,
    "state": ("open", "ended"),
    "sending": YES_NO,
    "booked by": ("dialer", "crm"),
    "mapping": ("fine", "unmapped"),
    "differs": YES_NO,
}
DUE = "2026-12-01T15:00:00Z"
CALLBACK_SPEC = records.StreamSpec(parent=("lead_id", "vendor_lead_code"))
CALLBACK_PIPE = model.Pipeline(
    client="acme",
    name="callbacks",
    kind="callbacks",
    source=model.Side("dialer", "callbacks"),
    target=model.Side("crm", "tasks"),
    fields=mapping.FieldMapping(
        (
            mapping.Rule("note", ("comments",), table=(("call", "call"),), default="none"),
            mapping.Rule("done", ("state",), table=(("open", "false"), ("done", "true"), ("cancelled", "true"))),
        )
    ),
    where=WANTED,
)


def callback(case: Case) -> dict[str, str]:
    """Decide one callback of the dialer."""
    gone = case["callback"] == "gone"
    fields = {
        "due_at": DUE,
        "comments": "call" if case["mapping"] == "fine" else "no such text",
        "state": "open" if case["state"] == "open" else "done",
        "lead_id": "1001",
        "vendor_lead_code": "7" if case["key"] == "same" else "8",
        "wanted": case["wanted"],
    }
    done = "false" if case["state"] == "open" and not gone else "true"
    agreed = {"note": "call", "done": done}
    if case["differs"] == "yes":
        agreed |= {"done": "false"} if gone else {"note": "another"}
    booked = base(callback_at=DUE if case["booked by"] == "crm" else "2026-12-02T15:00:00Z")
    known = model.Known(
        link=model.Link(2, "task", "1001-1", "k", base(**agreed)) if case["task"] == "yes" else None,
        busy=case["busy"] == "yes",
        unclear=case["sending"] == "yes",
        **parent(case, base=booked),
    )
    record = records.Record("1001-1", {} if gone else fields, deleted=gone)
    return result(
        lambda: plan.callback(CALLBACK_PIPE, record, known, CALLBACK_SPEC, HASHES, "raw", appointment="callback_at")
    )


# --- the tests

Vocabulary = dict[str, tuple[str, ...]]
# --- recordings

RECORDINGS = {
    "answer": ("none", "part", "links", "other", "unclear"),
    "time": ("left", "over"),
    "mapping": ("fine", "unmapped"),
    "busy": YES_NO,
    "differs": YES_NO,
}
LINK = "https://dialer.example.com/1.wav"
ANSWERS: dict[str, recording.Looked] = {
    "none": [],
    "part": [records.Record("1", {"url": LINK}), records.Record("2", {"url": ""})],
    "links": [records.Record("1", {"url": LINK})],
    "other": [records.Record("1", {"url": "ftp://dialer.example.com/1.wav"})],
    "unclear": errors.RetryLater("not understood"),
}


def looked(case: Case) -> dict[str, str]:
    """Decide one call that was looked up."""
    kinds = (("SALE", "sale"),) if case["mapping"] == "fine" else ()
    pipe = model.Pipeline(
        client="acme",
        name="recordings",
        kind="recordings",
        source=model.Side("dialer", "calls"),
        target=model.Side("crm", "calls"),
        fields=mapping.FieldMapping(
            (mapping.Rule("link", ("recording_url",)), mapping.Rule("kind", ("status",), table=(*kinds, ("NI", "no"))))
        ),
        give_up=3600.0,
    )
    one = model.Awaited("call", {"status": "SALE"}, START, START, START)
    agreed = base(link="other" if case["differs"] == "yes" else LINK, kind="sale")
    known = model.Known(link=model.Link(2, "act", "call", "call", agreed), busy=case["busy"] == "yes")
    now = START + timedelta(seconds=3599 if case["time"] == "left" else 3600)
    return result(lambda: recording.looked(pipe, one, ANSWERS[case["answer"]], known, HASHES, now))


TABLES: dict[str, tuple[Vocabulary, Callable[[Case], dict[str, str]]]] = {
    "L1": (LEADS, lead),
    "C1": (ACTIVITIES, activity),
    "D1": (DISPOSITIONS, disposition),
    "S1": (STATUS_STAYS, status_stays),
    "F1": (FIELDS, field),
    "E1": (EDITS, edit_of),
    "R1": (RECORDINGS, looked),
    "N1": (MARKS, mark),
    "K1": (CALLBACKS, callback),
}


def cases(vocabulary: Vocabulary) -> Iterator[dict[str, str]]:
    """Every combination of the vocabulary's values."""
    for values in itertools.product(*vocabulary.values()):
        yield dict(zip(vocabulary, values, strict=True))


@pytest.mark.parametrize("first_row", TABLES)
def test_a_table_has_the_vocabulary_that_the_test_can_build(first_row: str) -> None:
    vocabulary, _ = TABLES[first_row]
    table = tables.read(first_row)
    assert set(table.columns) == set(vocabulary)
    for column, words in table.words().items():
        assert words <= set(vocabulary[column]), column


@functools.cache
def reached(first_row: str) -> dict[str, list[Case]]:
    """Row → the cases that it is the first to fit."""
    table, found = tables.read(first_row), dict[str, list[Case]]()
    for case in cases(TABLES[first_row][0]):
        found.setdefault(table.row_for(case).id, []).append(case)
    return found


@pytest.mark.parametrize(("first_row", "row"), [(first, row.id) for first in TABLES for row in tables.read(first).rows])
def test_a_row_is_reached_and_the_code_decides_as_it_says(first_row: str, row: str) -> None:
    _, decide = TABLES[first_row]
    table = tables.read(first_row)
    assert row in reached(first_row), f"{row} can never be the first row that fits"
    expected = next(one.result for one in table.rows if one.id == row)
    for case in reached(first_row)[row]:
        decided = decide(case)
        assert {name: decided[name] for name in expected} == expected, case


@contextmanager
def lines_run(path: str) -> Iterator[set[int]]:
    """Collects the numbers of a file's lines that are run meanwhile."""
    seen: set[int] = set()

    def local(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            seen.add(frame.f_lineno)
        return local

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:
        return local if frame.f_code.co_filename == path else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield seen
    finally:
        sys.settrace(before)


def test_every_return_of_the_planner_belongs_to_a_row() -> None:
    path = str(plan.__file__)
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    ends = {node.lineno for node in ast.walk(tree) if isinstance(node, (ast.Return, ast.Raise))}
    with lines_run(path) as seen:
        for first_row, (_, decide) in TABLES.items():
            for found in reached(first_row).values():
                for case in found[:: 1 + len(found) // TRACED]:  # tracing is slow, and some of them reach each line
                    decide(case)
    missing = ends - seen - _not_decisions(tree)
    assert not missing, f"lines {sorted(missing)} of {path} decide something that no table shows"


def _not_decisions(tree: ast.Module) -> set[int]:
    """The returns of what the engine asks before it plans: it decides nothing."""
    return {
        node.lineno
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name == "strength"
        for node in ast.walk(function)
        if isinstance(node, ast.Return)
    }
