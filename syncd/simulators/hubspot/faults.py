"""The bad days that only HubSpot has, beside the faults of any server."""

from syncd.simulators.common import faults

_ANY_REQUEST = {
    "unauthorized": "HTTP 401 as for a revoked token, nothing applied",
    "forbidden": "HTTP 403 as for a missing scope, nothing applied",
    "busy": "HTTP 429 TEN_SECONDLY_ROLLING with Retry-After: SECONDS, nothing applied",
    "busy_bare": "HTTP 429 TEN_SECONDLY_ROLLING without Retry-After, nothing applied",
    "busy_second": "HTTP 429 SECONDLY without Retry-After, nothing applied",
    "used_up": "HTTP 429 DAILY, nothing applied",
    "dead_cursor": "HTTP 400 for the paging cursor `after`, nothing applied",
}
_WRITES = {"partial": "HTTP 207: apply all inputs of a batch but the first, which fails for an internal reason"}
KNOWN = faults.Known({**faults.KINDS, **_ANY_REQUEST, **_WRITES}, every_request=frozenset(_ANY_REQUEST))
