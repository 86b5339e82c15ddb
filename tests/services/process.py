"""A database server as a private child process: own folder, own socket, an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_SECONDS = 60.0
POLL_SECONDS = 0.02
STOP_SECONDS = 30.0


def unprivileged() -> dict[str, Any]:
    """Return the arguments for subprocess that drop root, which database servers refuse to run as; none if not root."""
    if os.geteuid() != 0:
        return {}
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    """Hand the path to the user that the server runs as."""
    user = unprivileged()
    if user:
        os.chown(path, user["user"], user["group"])


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder of the server's user, removed at the end; its path is short enough for a socket in it."""
    # Not below pytest's tmp_path: that one is long, and closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="syncd-", dir="/tmp"))
    try:
        own(folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def run(command: Sequence[str | Path], *, folder: Path, text: str = "") -> None:
    """Run a set-up command, which reads the text, as the server's user; raise RuntimeError if it fails."""
    result = subprocess.run(
        command,
        cwd=folder,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **unprivileged(),
    )
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with {result.returncode}:\n{result.stdout}")


@contextmanager
def server(
    command: Sequence[str | Path], *, folder: Path, ready: Callable[[], bool], stop: signal.Signals
) -> Iterator[None]:
    """Run the server until the block ends; `ready` says whether it answers; `stop` is what ends it in order.

    Raise RuntimeError with the server's log if it ends early or does not answer within READY_SECONDS.
    """
    log = folder / "server.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **unprivileged()
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} is not ready:\n{log.read_text(errors='replace')}")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        child.send_signal(stop)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
