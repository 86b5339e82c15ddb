"""What add_lead is asked for a new lead's columns, checks and place in the hopper."""

from __future__ import annotations

import re

from syncd.sdk import errors, records
from syncd_vicidial import leads, text
from syncd_vicidial.mapped import NOT_COLUMNS
from syncd_vicidial.names import HOPPER_FIELD, KEY_FIELD, MARKER_FIELD
from syncd_vicidial.options import Options, is_list_id


def parameters(change: records.Change, columns: records.Fields, words: text.Words, options: Options) -> dict[str, str]:
    """The parameters for the columns of a create; `phone_number` and `list_id` are among them. add_lead takes no
    status. Raises Rejected."""
    values = {
        name: sent
        for name, value in columns.items()
        if value and name not in NOT_COLUMNS and name != "status" and (sent := words.wire(name, value))
    }
    values["phone_number"] = leads.digits(values.get("phone_number", ""))
    list_id = values.get("list_id", "")
    if not is_list_id(list_id):
        raise errors.Rejected(
            [
                errors.Problem(
                    "the lead has no list" if not list_id else "a list id has 3 to 14 digits",
                    "list_id",
                    "map `list_id`, with a default for whatever no rule matches",
                )
            ]
        )
    values[KEY_FIELD] = change.key.value
    if change.key.marker is not None:
        values[MARKER_FIELD] = change.key.marker
    if options.list_exists_check:
        values["list_exists_check"] = "Y"
    if options.duplicate_check:
        values["duplicate_check"] = options.duplicate_check
    return values


def hopper(mapped: str | None, default: int | None) -> dict[str, str]:
    """The parameters that put a new lead into the hopper, never outside of the hours in which it may be called; none
    where it waits for its turn. `mapped`: its own place there. Raises Rejected."""
    priority = default
    if mapped:
        if not re.fullmatch(r"-?\d{1,2}", mapped.strip()):
            what = "a hopper priority is a whole number from -99 to 99"
            raise errors.Rejected([errors.Problem(what, HOPPER_FIELD, "correct the record or the mapping")])
        priority = int(mapped)
    if priority is None:
        return {}
    return {"add_to_hopper": "Y", "hopper_priority": str(priority), "hopper_local_call_time_check": "Y"}
