"""The faults that only a VICIdial has, beside those of any server."""

from syncd.simulators.common import faults

LOGIN = {
    "login_incorrect": "refuse the right password, nothing applied",
    "locked": "answer that the account is locked, nothing applied",
}
KNOWN = faults.Known({**faults.KINDS, **LOGIN}, every_request=frozenset(LOGIN))
