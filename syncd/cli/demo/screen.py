"""What the demo says: short lines while it goes on, and the table at its end; colours and boxes only on a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from syncd.cli.demo.accounts import Account


class Screen:
    """Lines for a person. They go to standard error where standard output is for `--json`."""

    def __init__(self, *, json: bool) -> None:
        self._to: TextIO = sys.stderr if json else sys.stdout
        self._rich = self._to.isatty()
        self._began = time.monotonic()

    def say(self, what: str, why: str = "") -> None:
        """Say what happens and, more quietly, why it matters."""
        seconds = f"{time.monotonic() - self._began:5.1f} s"
        if not self._rich:
            self._print(f"{seconds}  {what}" + (f"\n         {why}" if why else ""))
            return
        from rich.console import Console
        from rich.text import Text

        console = Console(file=self._to, highlight=False, soft_wrap=True)
        console.print(Text.assemble((seconds, "dim"), "  ", (what, "bold")))
        if why:
            console.print(Text(f"         {why}", style="dim"))

    def failed(self, what: str) -> None:
        """Say, on standard error, what went wrong or where to look."""
        print(what, file=sys.stderr, flush=True)

    def table(self, account: Account) -> None:
        """All numbers, counted and expected."""
        if self._rich:
            self._boxed(account)
        else:
            self._print(f"\n{'':>48}  counted  expected")
            for line in account.lines:
                self._print(
                    f"{line.label:<48}  {line.counted:>7}  {line.expected:>8}" + ("" if line.right else "  WRONG")
                )
        for difference in account.differences:
            self._print(f"WRONG {difference}")
        if account.waiting:
            self._print(f"WRONG {account.waiting} changes still wait to be sent")
        self._print(
            "Every number is exactly what the scenario implies."
            if account.right
            else "Some numbers are not what the scenario implies."
        )

    def _boxed(self, account: Account) -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table(title="Counted on the two far sides, and what the scenario implies")
        table.add_column("")
        table.add_column("counted", justify="right")
        table.add_column("expected", justify="right")
        table.add_column("")
        for line in account.lines:
            verdict = "[green]✓" if line.right else "[bold red]wrong"
            table.add_row(line.label, str(line.counted), str(line.expected), verdict)
        Console(file=self._to).print(table)

    def _print(self, text: str) -> None:
        print(text, file=self._to, flush=True)
