"""What goes wrong in the daemon, told once."""

from __future__ import annotations

import threading

import structlog

from syncd.sdk import errors

log = structlog.get_logger("syncd.daemon")


class Troubles:
    """What goes wrong, said once however many streams it hits, and once more when it is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hit: dict[str, set[str]] = {}  # the trouble's text → whom it hits

    def add(self, who: str, error: Exception) -> None:
        """This error came to `who`."""
        text = f"{type(error).__name__}: {error}"
        self.over(who, but=text)
        with self._lock:
            known = text in self._hit
            self._hit.setdefault(text, set()).add(who)
        if known:
            return
        if isinstance(error, errors.UserError):
            log.error("trouble", at=who, problems=[str(problem) for problem in error.problems])
        else:
            log.error("trouble", at=who, exc_info=error)

    def over(self, who: str, *, but: str = "") -> None:
        """`who` has no trouble any more, except one."""
        with self._lock:
            ended = []
            for text in [text for text, hit in self._hit.items() if who in hit and text != but]:
                self._hit[text].discard(who)
                if not self._hit[text]:
                    del self._hit[text]
                    ended.append(text)
        for text in ended:
            log.info("trouble is over", at=who, trouble=text)
