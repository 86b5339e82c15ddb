"""What Salesforce's error codes mean for the engine. Source: REST API Developer Guide, status codes and errors."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.sdk import errors

PASSING = frozenset({
    "UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG",
    "CONCURRENT_REQUESTS_LIMIT", "PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
})  # fmt: skip
GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "MALFORMED_ID"})
CONVERTED = "CANNOT_UPDATE_CONVERTED_LEAD"
DEAD_CURSOR = "INVALID_QUERY_LOCATOR"
LIMIT = "REQUEST_LIMIT_EXCEEDED"


class CursorDied(errors.RetryLater):
    """A query cursor is gone: read on from the last position."""


def of_row(code: str, fields: Sequence[str]) -> errors.SyncdError:
    """The error of one row that was surely not applied."""
    if code in PASSING:
        return errors.RetryLater(f"Salesforce: {code}")
    if code == "DUPLICATE_EXTERNAL_ID":
        return errors.Several("several records carry the call's key")
    if code in GONE and not [name for name in fields if name.casefold() != "id"]:
        return errors.Missing(f"Salesforce: {code}")
    where = ", ".join(fields)
    return errors.Rejected([errors.Problem(f"Salesforce refuses the record: {code}", where)])


def code_of(content: object) -> str:
    """The code in the body of an error, "" if there is none that is understood."""
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return str(content[0].get("errorCode", ""))
    return ""


def of_request(status: int, code: str, *, write: bool) -> errors.SyncdError:
    """The error of a whole request. 401 and the limit are dealt with before."""
    what = f"Salesforce answers HTTP {status} {code}".rstrip()
    if code == DEAD_CURSOR:
        return CursorDied(what)
    if code in ("QUERY_TIMEOUT", "UNABLE_TO_LOCK_ROW"):
        return errors.RetryLater(what)
    if status in (401, 403):
        return errors.AuthFailed(what, fix="look at the user's profile and the connected app's policies")
    if status >= 500 or not code:
        return errors.Ambiguous(what) if write else errors.RetryLater(what)
    if status == 300:
        return errors.Several("several records carry the call's key")
    if write:
        return errors.Rejected([errors.Problem(what)])
    return errors.UserError([errors.Problem(what, fix="`syncd config check` says which name is wrong")])
