"""Bad days that only Salesforce has, by the names of the fault specification."""

from syncd.simulators.common import faults

KINDS = {
    "limit_exceeded": "403 REQUEST_LIMIT_EXCEEDED",
    "unauthorized": "401 INVALID_SESSION_ID, whatever the token",
    "cursor_death": "all open query cursors die: INVALID_QUERY_LOCATOR",
    "row_lock": "each row of the write fails with UNABLE_TO_LOCK_ROW",
    "several": "an upsert finds several records: 300 (single row), DUPLICATE_EXTERNAL_ID (composite)",
    "unavailable": "503 SERVER_UNAVAILABLE",
    "query_timeout": "400 QUERY_TIMEOUT",
}
KNOWN = faults.Known(
    {**faults.KINDS, **KINDS}, frozenset({"limit_exceeded", "unauthorized", "cursor_death", "query_timeout"})
)
