"""Logins as stock VICIdial checks them, with its lock-out."""

import hashlib

from . import rows
from .world import World

LOCK_AFTER_FAILURES = 10
LOCK_SECONDS = 15 * 60
GOOD, BAD, LOCK = "GOOD", "BAD", "LOCK"
_NEVER_IN_A_NAME = str.maketrans("", "", "|`&'\"\\; ")


def is_locked(world: World, user: rows.User) -> bool:
    """Whether ten logins failed and the last good one (or restart of the count) is under 15 minutes ago."""
    recent = user.last_login_epoch >= world.clock.epoch() - LOCK_SECONDS
    return user.failed_login_count >= LOCK_AFTER_FAILURES and recent


def authorize(world: World, name: str, password: str, *, above_level: int, md5: bool = False) -> str:
    """Check a login and count it; return GOOD, BAD or LOCK.

    Source: user_authorization() in functions.php of trunk 3884. A right password of a user whose level is not above
    `above_level` counts as a wrong one. `md5`: the password is sent as the copied guide says, which stock code does not
    know: md5("VICIDIAL" + password).
    """
    user = world.users.get(name.translate(_NEVER_IN_A_NAME))
    if user is None:
        return BAD
    now = world.clock.epoch()
    locked = is_locked(world, user)
    expected = hashlib.md5(f"VICIDIAL{user.password}".encode()).hexdigest() if md5 else user.password  # noqa: S324  # its form
    right = bool(user.password) and expected == password.translate(_NEVER_IN_A_NAME)
    if right and user.user_level > above_level and user.active == "Y" and not locked:
        user.failed_login_count = 0
        user.last_login_epoch = now
        return GOOD
    user.refused_logins += 1
    if locked:
        return LOCK
    if user.failed_login_count < LOCK_AFTER_FAILURES:
        user.failed_login_count += 1
    else:
        user.failed_login_count = 1
        user.last_login_epoch = now
    return BAD
