"""The faults that only a VICIdial has, beside those of any server."""

from syncd.simulators.common import faults

LOGIN = {
    "login_incorrect": "refuse the right password, nothing applied",
    "locked": "answer that the account is locked, nothing applied",
}
BUSY_SECONDS = 10
PROXY = {
    "busy": f"HTTP 429 by a proxy with Retry-After: {BUSY_SECONDS}, nothing applied",
    "busy_bare": "HTTP 429 by a proxy without Retry-After, nothing applied",
}
KNOWN = faults.Known({**faults.KINDS, **LOGIN, **PROXY}, every_request=frozenset(LOGIN))
