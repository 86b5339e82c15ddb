"""Where alerts go: e-mail, webhooks and a hundred services, all by apprise, which only this module knows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

import apprise

from syncd.sdk import errors

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages may hold addresses with passwords


class Messages:
    """One address. Its text may hold secrets, so people see its kind and host alone."""

    def __init__(self, address: str, found: apprise.NotifyBase) -> None:
        self._apprise = apprise.Apprise()
        self._apprise.add(found)
        self.id = hashlib.sha256(address.encode()).hexdigest()[:12]
        scheme = address.partition("://")[0]
        host = getattr(found, "host", "") or ""
        self.name = f"{scheme}://{host}" if host else scheme

    def send(self, title: str, body: str) -> bool:
        """Whether it arrived."""
        try:
            return bool(self._apprise.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))
        except Exception:  # noqa: BLE001  # a plugin's own failure is a message that did not arrive
            return False


def channels(addresses: Sequence[str], where: str = "alerts.to") -> list[Messages]:
    """The addresses as channels. Raises UserError for what apprise does not know."""
    found: list[Messages] = []
    problems: list[errors.Problem] = []
    for number, address in enumerate(addresses):
        one = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if one is None:
            fix = "write mailtos://…, jsons://… or another address of apprise; in the file as ${credential:NAME}"
            problems.append(errors.Problem("not an address that alerts can be sent to", f"{where}[{number}]", fix))
        else:
            found.append(Messages(address, one))
    if problems:
        raise errors.UserError(problems)
    return found
