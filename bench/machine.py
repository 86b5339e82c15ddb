"""On what was measured: cores, load, versions."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("phonenumbers", "pydantic", "requests", "sqlalchemy", "structlog", "urllib3")


def facts() -> dict[str, Any]:
    """What does not change while it is measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {
            "syncd": version("syncd"),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in PACKAGES},
            **_wrk(),
        },
    }


class Load:
    """How many processes wanted a core, on average of a minute: before, after and at the highest in between."""

    def __init__(self) -> None:
        self._before = self._highest = self.look()

    def look(self) -> float:
        """The load now."""
        now = round(os.getloadavg()[0], 2)
        self._highest = max(getattr(self, "_highest", now), now)
        return now

    def plain(self) -> dict[str, float]:
        """For JSON."""
        return {"before": self._before, "after": self.look(), "highest": self._highest}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _wrk() -> dict[str, str]:
    """wrk has no option that only tells its version: it stands in the first line of the usage."""
    program = shutil.which("wrk")
    if program is None:
        return {}
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split()
    return {"wrk": said[1].removeprefix("debian/") if len(said) > 1 else "unknown"}
