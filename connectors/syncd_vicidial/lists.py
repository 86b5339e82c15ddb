"""Whether a list exists, asked without the right to look at lists."""

from __future__ import annotations

from typing import Literal

from syncd.sdk import errors
from syncd_vicidial import answers
from syncd_vicidial.api import Api


def state(api: Api, list_id: str) -> Literal["usable", "missing", "not_allowed"]:
    """Ask `add_lead` to add nothing (no phone number) to the list: it looks at the list first (trunk 3884).

    Raises AuthFailed, RetryLater."""
    lines = answers.parse(api.read("add_lead", {"list_id": list_id, "list_exists_check": "Y", "phone_number": ""}))
    message = lines[0].message if lines and lines[0].kind == "ERROR" else ""
    if "INVALID PHONE NUMBER" in message:
        return "usable"
    if "NOT A DEFINED LIST ID" in message:
        return "missing"
    if "NOT AN ALLOWED LIST ID" in message:
        return "not_allowed"
    refused = answers.refusal(lines[0], "add_lead", api.user) if message else None
    raise refused or errors.RetryLater("add_lead gives an answer that is not understood")
