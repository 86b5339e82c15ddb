"""What every command gets: where the configuration is, how to print, and doors to settings and store."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import cyclopts

from syncd.cli import output

if TYPE_CHECKING:
    from syncd.config import models
    from syncd.engine import parts
    from syncd.store.database import Database

CONFIG = Path("/etc/syncd/syncd.yaml")


@dataclass(frozen=True, slots=True)
class Session:
    """One call of syncd."""

    config: Path
    out: output.Output

    def settings(self) -> models.Settings:
        """The configuration. Raises UserError."""
        from syncd.config import load

        return load.load(self.config)

    @contextmanager
    def store(self, settings: models.Settings) -> Iterator[Database]:
        """The state store, checked to be of the right revision."""
        from syncd.daemon import logs, setup

        logs.configure(shape="console", level="warning")
        with setup.database(settings) as db:
            yield db


Given: TypeAlias = Annotated[Session, cyclopts.Parameter(parse=False)]
"""The session as a command's parameter: not an option, main() fills it in."""


def pipelines(client: parts.Client, only: str | None) -> list[str]:
    """The names of a client's pipelines, or the one that is meant; raise UserError for an unknown one."""
    from syncd.daemon import setup

    names = [pipe.name for pipe in client.pipelines]
    return names if only is None else [setup.named(only, names, f"pipeline of {client.name}")]


def add(group: cyclopts.App, function: Callable[..., int], name: str | None = None) -> None:
    """Add a command. Its help is the docstring, set anew to the width of the terminal."""
    text = inspect.getdoc(function) or ""
    group.command(function, name=name, help=flowing(text.partition("\nParameters\n")[0]))


def flowing(text: str) -> str:
    """Paragraphs without the line breaks inside them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
