"""How HubSpot says no: status, category, message, and errors with code and context."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.simulators.common.wire import JSON, HttpAnswer

Json = dict[str, Any]


class Refusal(Exception):
    """A request, or one input of a batch, that is refused."""

    def __init__(
        self, status: int, category: str, message: str, *, errors: Sequence[Json] = (), context: Json | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.errors = list(errors)
        self.context = context or {}
        self.extra: Json = {}
        self.headers: Mapping[str, str] = {}

    def breaks_rule(self) -> bool:
        """Whether a validation rule of the portal refuses."""
        return any(error.get("code") == "FAILED_VALIDATION" for error in self.errors)

    def row(self, trace: str | None) -> Json:
        """As one error of a 207 answer."""
        context = dict(self.context)
        if trace is not None:
            context["objectWriteTraceId"] = [trace]
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "errors": self.errors,
            "context": context,
        }

    def answer(self) -> HttpAnswer:
        """As a whole answer."""
        body: Json = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid.uuid4()),
            "category": self.category,
            **self.extra,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        return HttpAnswer(self.status, json.dumps(body).encode(), JSON, self.headers)


def invalid(message: str, code: str = "", **context: Sequence[str]) -> Refusal:
    """HTTP 400: the request is wrong."""
    listed = {name: list(values) for name, values in context.items()}
    errors = [{"message": message, "code": code, "context": listed}] if code else []
    return Refusal(400, "VALIDATION_ERROR", message, errors=errors)


def unauthorized() -> Refusal:
    """HTTP 401."""
    return Refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")


def forbidden(scopes: Sequence[str]) -> Refusal:
    """HTTP 403: a scope is missing."""
    message = "This app hasn't been granted all required scopes to make this call."
    error = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    return Refusal(403, "MISSING_SCOPES", message, errors=[error])


def too_many(policy: str, retry_after: float | None = None) -> Refusal:
    """HTTP 429 of a policy: TEN_SECONDLY_ROLLING, SECONDLY or DAILY."""
    made = Refusal(429, "RATE_LIMITS", f"You have reached your {policy.lower()} limit.")
    made.extra = {"errorType": "RATE_LIMIT", "policyName": policy}
    if retry_after is not None:
        made.headers = {"Retry-After": f"{retry_after:g}"}
    return made


def not_found(object_id: str) -> Refusal:
    """An object that is not there, or is archived."""
    return Refusal(
        404, "OBJECT_NOT_FOUND", f"Could not get object {object_id}, which was not found", context={"ids": [object_id]}
    )
