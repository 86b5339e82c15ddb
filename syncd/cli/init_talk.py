"""The interview of `syncd init`: asks on a terminal, and elsewhere notes what was not said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from syncd.sdk import errors

if TYPE_CHECKING:
    from syncd.config import draft
    from syncd.sdk import protocol, records

_NOT_SET = ("CLIENT", "--crm", "--dialer", "--pipelines")
_AGENTS = "Who is who: user of the dialer=owner in the CRM (an id or e-mail), with commas (blank: nobody)"


class Talk:
    """Asks where there is somebody to ask, else notes what was not said."""

    def __init__(self, *, asking: bool) -> None:
        self.asking = asking
        self.missing: list[errors.Problem] = []
        self._told: Collection[str] = ()

    def need(self, question: draft.Question, said: str | None, offered: Collection[str] = ()) -> str:
        """What was said, else the answer; "" where there is none."""
        if said is not None:
            return said
        if not self.asking:
            if question.needed:
                spelt = question.key if question.key in _NOT_SET else f"--set {question.key}=…"
                self.missing.append(errors.Problem("is missing", spelt, question.what))
            return ""
        from rich.prompt import Prompt

        if offered and not set(offered) <= set(self._told):
            print(f"There are: {', '.join(offered)}")
            self._told = offered
        while True:
            given = Prompt.ask(
                question.what,
                choices=list(question.choices) or None,
                default=question.default,
                show_default=bool(question.default),
            )
            if offered and given and given not in offered:
                from syncd.config import scalars

                print(f"There is no {given}: {scalars.choices(given, list(offered))}")
            elif given or not question.needed:
                return given

    def kind(self, role: protocol.Role, said: str | None) -> str:
        """A connector's type; the only one there is goes without saying."""
        from syncd.config import draft, scalars, schema

        names = [name for name, _ in schema.connectors(role)]
        if said is None and len(names) == 1:
            return names[0]
        question = draft.Question(f"--{role}", f"The {role}'s connector: {', '.join(names)}", choices=tuple(names))
        found = self.need(question, said)
        if found and found not in names:
            self.missing.append(errors.Problem(f"no {role} of that type", f"--{role}", scalars.choices(found, names)))
        return found

    def sure(self, what: str) -> bool:
        from rich.prompt import Confirm

        return Confirm.ask(what, default=True)

    def stop_if_wrong(self) -> None:
        """Raise UserError with everything that was not said."""
        if self.missing:
            raise errors.UserError(self.missing)


def ask(talk: Talk, name: str, types: dict[protocol.Role, str], answers: dict[str, str], path: Path) -> None:
    """Fill in the answers; raises UserError where some are missing. What the CRM has is offered, and what it does not
    have of the suggested fields is asked for or left out, where the CRM can be asked already."""
    from syncd.config import draft, draft_text, schema

    crm = types["crm"]
    _pipelines(talk, crm, answers)
    kinds = draft.chosen(crm, answers)
    for role in draft.ROLES:
        connector = dict(schema.connectors(role))[types[role]]
        for question in draft.questions(role, connector, kinds):
            answers[question.key] = talk.need(question, answers.get(question.key))
    has = {} if talk.missing else _fields(draft_text.text(name, types, answers), path, draft.streams("crm", kinds))
    offered = list(has.get("leads", ()))
    for question in draft.GENERAL:
        if given := talk.need(question, answers.get(question.key), () if question.key == "start" else offered):
            answers[question.key] = given
    for question in draft.values(types["dialer"], answers):
        answers[question.key] = talk.need(question, answers.get(question.key))
    for kind in kinds[1:]:
        _suggested(talk, crm, kind, has, answers)
    if talk.asking and not draft.agents(answers) and any("agents" in why for why in _reasons(crm, answers)):
        _agents(talk, answers)
    _drop_what_is_empty(talk, crm, answers)
    if (mark := draft.mark(crm, answers)) and "opt_out" not in answers:
        answers["opt_out"] = mark
    talk.stop_if_wrong()


def _pipelines(talk: Talk, crm: str, answers: dict[str, str]) -> None:
    from syncd.config import draft

    able = ",".join(draft.offered(crm))
    while talk.asking and "pipelines" not in answers and able != "leads":
        what = "Which pipelines, with commas"
        given = {"pipelines": talk.need(draft.Question("--pipelines", what, default=able), None)}
        if wrong := draft.wrong({}, given):
            print("\n".join(map(str, wrong)))
        else:
            answers |= given


def _suggested(
    talk: Talk, crm: str, kind: str, has: Mapping[str, Mapping[str, records.FieldInfo]], answers: dict[str, str]
) -> None:
    """Every suggested field of a pipeline that the CRM does not have."""
    from syncd.config import compile as compiler
    from syncd.config import draft

    suggestion = draft.suggestion(crm, kind, answers)
    stream = compiler.SIDES[kind][1].stream  # type: ignore[index]  # one of them
    if suggestion is None:
        if not draft.own_fields(kind, answers):
            what = f"{crm} suggests no mapping for {kind}"
            talk.missing.append(errors.Problem(what, f"--set {kind}.fields.TARGET=…", "map the fields that it writes"))
        return
    if stream not in has:
        return
    able = [name for name, info in has[stream].items() if info.writable]
    missing = [field for field in suggestion.fields.values() if field.name not in able]
    for field in missing:
        key = f"{kind}.instead.{field.name}"
        if key in answers:
            continue
        free = [one for one in able if one not in {*suggestion.fields, *draft.renamed(kind, answers).values()}]
        what = f"{kind}: the CRM has no {field.name}, which is to get {field.reads}; another field (blank: none)"
        answers[key] = talk.need(draft.Question(key, what, needed=False), None, free)


def _reasons(crm: str, answers: Mapping[str, str]) -> list[str]:
    from syncd.config import draft

    return [why for fields in draft.left_out(crm, answers).values() for why in fields.values()]


def _agents(talk: Talk, answers: dict[str, str]) -> None:
    from syncd.config import draft

    while True:
        given = talk.need(draft.Question("agents", _AGENTS, needed=False), None)
        pairs = [one.partition("=") for one in given.split(",") if one.strip()]
        if all(user.strip() and owner.strip() for user, _, owner in pairs):
            answers |= {f"agents.{user.strip()}": owner.strip() for user, _, owner in pairs}
            return
        print("Write it like 1001=ann@example.com, 1002=bob@example.com")


def _drop_what_is_empty(talk: Talk, crm: str, answers: dict[str, str]) -> None:
    """A pipeline that would write nothing."""
    from syncd.config import draft

    out = draft.left_out(crm, answers)
    for kind in draft.chosen(crm, answers)[1:]:
        suggestion = draft.suggestion(crm, kind, answers)
        if suggestion is None or len(out.get(kind, ())) < len(suggestion.fields):
            continue
        if talk.asking:
            print(f"{kind} would write nothing, so it is left out")
            answers["pipelines"] = ",".join(one for one in draft.chosen(crm, answers) if one != kind)
        else:
            fix = f"map fields that it has, or leave {kind} out with --pipelines"
            what = f"the CRM has none of the fields that are suggested for {kind}"
            talk.missing.append(errors.Problem(what, f"--set {kind}.fields.TARGET=…", fix))


def _fields(text: str, path: Path, streams: Collection[str]) -> dict[str, Mapping[str, records.FieldInfo]]:
    """The CRM's fields by stream, as far as it can be asked already."""
    from syncd.config import load
    from syncd.sdk import protocol

    found: dict[str, Mapping[str, records.FieldInfo]] = {}
    connector = load.connector(text, path, "crm")
    if connector is None:
        return found
    with closing(connector):
        if isinstance(connector, protocol.ListsFields):
            for stream in streams:
                with suppress(errors.SyncdError):
                    found[stream] = connector.fields(stream)
    return found
