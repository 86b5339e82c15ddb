"""The archive of leads, a table (vicidial_list_archive) that only some sites have made.

Where nobody has, stock trunk 3884 answers whatever asks for an archived lead with HTTP 500 and nothing in it.
"""

from __future__ import annotations

from syncd_vicidial import answers
from syncd_vicidial.api import Api

_NOBODY = "0"


def read(api: Api, lead_id: str) -> str:
    """What `lead_all_info` says of a lead in the archive, with a header; "" where the server has no archive.

    Raises AuthFailed, RetryLater."""
    try:
        return _asked(api, lead_id)
    except answers.Stopped:
        if _is_there(api):
            raise
        return ""


def _is_there(api: Api) -> bool:
    """Whether the server can look there at all. Raises where it stops at leads in dialling, too."""
    try:
        _asked(api, _NOBODY)
    except answers.Stopped:
        api.read("lead_all_info", {"lead_id": _NOBODY})
        return False
    return True


def _asked(api: Api, lead_id: str) -> str:
    return api.read("lead_all_info", {"lead_id": lead_id, "header": "YES", "archived_lead": "Y"})
