"""The systemd unit of a configuration: hardened, with each secret that the configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from syncd.config import references, scalars
from syncd.config.models import Settings
from syncd.sdk import errors

STATE = Path("/var/lib/syncd")
CONFIGURATION = Path("/etc/syncd")
_STOP_MARGIN_SECONDS = 60.0
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Unit:
    """The text of a unit, and what would keep it from working on this machine."""

    text: str
    problems: tuple[errors.Problem, ...] = ()


def render(asked: references.Asked, *, program: Path, config: Path, user: str) -> Unit:
    """The unit that runs this program with this configuration. `config` and `program` are absolute."""
    store = str(asked.main.get("store") or Settings.model_fields["store"].default.get_secret_value())
    folder = Path(store.removeprefix(_SQLITE)).parent if store.startswith(_SQLITE) else STATE
    outside = folder != STATE and STATE not in folder.parents
    template = jinja2.Environment(
        autoescape=False,  # noqa: S701  # a unit is no HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    ).from_string((resources.files("syncd.daemon") / "unit.service.j2").read_text("utf-8"))
    text = template.render(
        program=program,
        config=config,
        user=user,
        configuration_directory=config.parent == CONFIGURATION,
        writable=folder if outside else None,
        credentials=[(name, config.parent / "credentials" / name) for name in asked.credentials],
        variables=asked.variables,
        environment=config.parent / "environment",
        stop_seconds=f"{_stop_seconds(asked) + _STOP_MARGIN_SECONDS:g}",
    )
    return Unit(text, tuple(_problems(program, config, folder)))


def _stop_seconds(asked: references.Asked) -> float:
    given = asked.main.get("stop_seconds")
    default: float = Settings.model_fields["stop_seconds"].default
    if given is None:
        return default
    try:
        return scalars.seconds(given)
    except scalars.Wrong:
        return default  # `config check` says what is wrong with it


def _problems(program: Path, config: Path, folder: Path) -> list[errors.Problem]:
    found = []
    for path, what in ((program, "the program"), (config, "the configuration"), (folder, "the state store")):
        if any(part in (Path("/home"), Path("/root"), Path("/run/user")) for part in path.parents):
            fix = "install it elsewhere (/opt/syncd, /etc/syncd, /var/lib/syncd)"
            found.append(
                errors.Problem(f"{what} is in a home folder, which the unit hides", str(path), fix, fatal=False)
            )
    return found
