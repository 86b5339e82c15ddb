"""A client that is nothing but what its CRM's connector suggests: its example's options and all of its pipelines."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from syncd.sdk import protocol

DIALER = """\
url: {url}
user: syncdapi
password: right-Password_1
time_zone: Etc/GMT+5
use_non_latin: true
find_lag_seconds: 0
history_days: 1
"""


def write(folder: Path, crm: str, example: protocol.Example, *, url: str, dialer: str, agents: str) -> Path:
    """Write syncd.yaml with the CRM at `url`, the VICIdial of tests.end_to_end.dialer at `dialer` and the client's
    `agents` as YAML. Only the address is changed in what is suggested."""
    options = re.sub(r"^url: .*\n", "", example.options, flags=re.MULTILINE)
    lines = [
        f"store: sqlite:///{folder}/syncd.db",
        "clients:",
        "  acme:",
        f"    agents: {agents}",
        "    crm:",
        f"      type: {crm}",
        textwrap.indent(f"url: {url}\n{options}", "      "),
        "    dialer:",
        "      type: vicidial",
        textwrap.indent(DIALER.format(url=dialer), "      "),
        "    pipelines:",
    ]
    for kind, text in example.pipelines.items():
        lines += [f"      {kind}:", "        start: all", textwrap.indent(text, "        ")]
    path = folder / "syncd.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.chmod(0o600)
    return path


def credentials(folder: Path, **secrets: str) -> Path:
    """Write each secret into a file of its name; return their folder."""
    made = folder / "credentials"
    made.mkdir()
    for name, secret in secrets.items():
        (made / name).write_text(secret, "utf-8")
    return made
