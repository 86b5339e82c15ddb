"""YAML → plain values with the place of every key and value; whatever would be read silently wrong is refused.

Scalars stay text, because only the models know what is meant: `NO` is a phone region, `12:30` a time, `012` a code.
Only null and true/false are resolved. Built on PyYAML's node tree, which knows line and column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from syncd.sdk.errors import Problem

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_CORE = "tag:yaml.org,2002:"
_TAGS = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "value")
_KNOWN_TAGS = frozenset(_CORE + name for name in _TAGS)
_MERGE_TAG = _CORE + "merge"
HOME_STEPS = 2  # the length of the paths whose values may stand in files of their own: ("clients", name)
_MOST_VALUES = 1_000_000  # aliases can make a small file unfold without end


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """A file's values, the places of its keys and values by path, and all that was found wrong with it so far.

    `secrets` are the paths of texts that a secret was put into, `unknown` those whose text could not be made. `homes`
    are the paths whose values stand in files of their own, each with that file's name.
    """

    file: str
    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    secrets: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    unknown: set[Path] = field(default_factory=set)
    found: dict[Problem, tuple[str, Place]] = field(default_factory=dict)
    homes: dict[Path, str] = field(default_factory=dict)

    def add(
        self,
        path: Sequence[str | int],
        what: str,
        fix: str = "",
        *,
        at: Literal["auto", "key"] = "auto",
        place: Place | None = None,
        fatal: bool = True,
    ) -> None:
        """Note one problem of the value at `path`, or of the nearest value around it that is in the file."""
        place = place or self.place(path, at=at)
        problem = self.problem(path, what, fix, place=place, fatal=fatal)
        self.found.setdefault(problem, (self.home(path)[0], place))

    def problem(
        self, path: Sequence[str | int], what: str, fix: str = "", *, place: Place, fatal: bool = True
    ) -> Problem:
        """A problem with its place and the path's name, not noted."""
        where = f"{self.home(path)[0]}:{place.line}:{place.column}"
        name = self.name(path)
        return Problem(self.scrub(what), f"{where} {name}" if name else where, self.scrub(fix), fatal)

    def home(self, path: Sequence[str | int]) -> tuple[str, Path]:
        """The file in which `path` stands, and the path of that file's own values."""
        base = tuple(path[:HOME_STEPS])
        return (self.homes[base], base) if base in self.homes else (self.file, ())

    def name(self, path: Sequence[str | int]) -> str:
        """The path as it is called in its own file."""
        return ".".join(map(str, path[len(self.home(path)[1]) :]))

    def note(self, problem: Problem) -> None:
        """Note a problem that is not one of a place in the file."""
        self.found.setdefault(problem, (problem.where or self.file, Place(1, 1)))

    def hold(self, path: Path, value: Any) -> None:
        """Put a value, of another file, at its path."""
        here = self.value = self.value if isinstance(self.value, dict) else {}
        for step in path[:-1]:
            inner = here.get(step)
            here[step] = inner = inner if isinstance(inner, dict) else {}
            here = inner
        here[path[-1]] = value

    def take(self, other: Document) -> None:
        """Add what another file holds and what is wrong with it."""
        self.keys.update(other.keys)
        for path, place in other.values.items():
            self.values.setdefault(path, place)  # what stands around all files has its place in the main one
        self.secrets.update(other.secrets)
        self.unknown |= other.unknown
        self.found.update(other.found)
        self.homes.update(other.homes)

    def place(self, path: Sequence[str | int], *, at: Literal["auto", "key"] = "auto") -> Place:
        """Where the value at `path`, or the nearest value around it, is; of a mapping, a list or by `at` its key."""
        known = self.known(path)
        place = self.values.get(known, Place(1, 1))
        if at == "key" or isinstance(self.at(known), dict | list):
            place = self.keys.get(known, place)
        return place

    def problems(self, *, fatal: bool | None = None) -> tuple[Problem, ...]:
        """What was found, in the order of files and lines; only fatal or only harmless ones if asked."""
        chosen = [problem for problem in self.found if fatal is None or problem.fatal is fatal]
        return tuple(sorted(chosen, key=self.found.__getitem__))

    def known(self, path: Sequence[str | int]) -> Path:
        """The part of `path` that is in the file; steps that are not (a union's member, a missing key) are left out."""
        here: Path = ()
        for step in path:
            if (*here, step) in self.values:
                here = (*here, step)
        return here

    def at(self, path: Sequence[str | int]) -> Any:
        """The value at a path of the file; None where there is none."""
        value = self.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def scrub(self, text: str) -> str:
        """The text without any of the file's secrets, whatever wrote it."""
        for values in self.secrets.values():
            for value in values:
                if len(value) >= 4:
                    text = text.replace(value, "***")
        return text


def read(text: str, file: str, *, base: Path = (), may_be_empty: bool = False) -> Document:
    """Given a YAML text and its file's name for messages, return the document; what is wrong is in `found`. `base` is
    the path at which the file's values stand among those of all files."""
    document = Document(file, values={base[:length]: Place(1, 1) for length in range(len(base))})
    if base:
        document.homes[base] = file
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        document.add((), "a control character stands here", "delete it", place=Place(line, column))
    except yaml.MarkedYAMLError as error:
        _syntax(document, text, error)
    else:
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            if may_be_empty:
                document.value = {}
            else:
                document.add((), "the file is empty", "start from config.example.yaml", place=Place(1, 1))
        elif not isinstance(node, yaml.MappingNode):
            document.add((), "the file is not made of `key: value` lines", "start from config.example.yaml")
        else:
            document.value = _Values(document).plain(node, base)
            for step in reversed(base):
                document.value = {step: document.value}
    return document


def _syntax(document: Document, text: str, error: yaml.MarkedYAMLError) -> None:
    """One syntax error; tabs are all named at once, since where one is there are more."""
    lines = text.splitlines()
    tabs = [(number, len(found[1])) for number, line in enumerate(lines, 1) if (found := re.match(r"( *)\t", line))]
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    at = lines[place.line - 1][place.column - 1 : place.column] if place.line <= len(lines) else ""
    if tabs and (at == "\t" or place.line in {number for number, _ in tabs}):
        for number, column in tabs:
            document.add((), "a tab indents this line", "indent with spaces", place=Place(number, column + 1))
        return
    # PyYAML quotes the text it stumbled over, which may be a password.
    what = re.sub(r" ?'[^']*'?", "", error.problem or "the YAML cannot be read")
    fix = "look for a missing quote, bracket or colon here or just above"
    if at == "\t":
        what, fix = "a tab stands here", "use spaces"
    elif at and at in "@`%*&!|>":
        what, fix = f"a value begins with {at}, which means something else in YAML", "put the value in quotes"
    elif at == ":":
        fix = "put a value that holds `: ` in quotes, and let keys of one level begin in one column"
    elif "document" in what:
        fix = "keep one document, without a second `---`"
    document.add((), f"not valid YAML: {what}", fix, place=place)


class _Values:
    """Turns nodes into values and notes their places in the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: set[int] = set()
        self._count = 0

    def plain(self, node: yaml.Node, path: Path) -> Any:
        place = _place(node)
        self._document.values[path] = place
        self._count += 1
        if node.tag not in _KNOWN_TAGS:
            # The tag is not shown: a password that begins with ! looks like one.
            self._document.add(path, "YAML tags are not used here", "put a text that begins with ! in quotes")
            self._document.unknown.add(path)
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open or self._count > _MOST_VALUES:
            self._document.add(path, "an alias unfolds without end", "write the value out")
            self._document.unknown.add(path)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE_TAG:
                what = "a key is plain text"
                fix = "write the keys out, without `<<`" if key_node.tag == _MERGE_TAG else ""
                self._document.add(path, what, fix, place=place)
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                first = self._document.keys[here].line
                self._document.add(here, f"the key is already on line {first}", "keep one of them", place=place)
                continue
            self._document.keys[here] = place
            result[key] = self.plain(value_node, here)
        return result


def _scalar(node: yaml.ScalarNode) -> str | bool | None:
    text = str(node.value)
    if node.style or node.tag == _CORE + "str":
        return text
    return None if text in _NULL else _BOOL.get(text, text)


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
