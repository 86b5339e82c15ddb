"""Tells systemd how the service is: READY, STATUS, WATCHDOG, STOPPING over its datagram socket (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

log = structlog.get_logger("syncd.daemon")


class Notifier:
    """Messages to the service manager; without $NOTIFY_SOCKET nothing is sent.

    `watchdog_seconds` is how often the manager wants to hear from this process, None if it does not ask."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)  # a manager that does not read must not stop the service
        self._status = ""
        self._silent = False
        asked = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watchdog_seconds = int(asked) / 1e6 if self._socket is not None and asked.isdecimal() and meant else None

    def ready(self) -> None:
        """The service runs."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The service reads its configuration again; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent only when it has changed."""
        if text != self._status:
            self._status = text
            self._send("STATUS=" + text.replace("\n", " "))

    def watchdog(self) -> None:
        """The service makes progress."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The service is on its way down."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
            self._silent = False
        except OSError as error:
            if not self._silent:
                log.warning("the service manager cannot be told", why=error.strerror or type(error).__name__)
            self._silent = True
