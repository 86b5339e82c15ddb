"""A fresh portal: its object types with their properties, its call dispositions, an owner, a token."""

from .properties import Property, by_name, text

TOKEN = "pat-sim"  # noqa: S105  # of the simulator only
SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.leads.read",
    "crm.objects.leads.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.write",
    "crm.schemas.contacts.read",
)
DISPOSITIONS = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
}
OWNERS = ({"id": "77001", "email": "agent@example.com", "firstName": "Ada", "lastName": "Agent", "archived": False},)
_LEAD_STATUS = ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "BAD_TIMING")
# Activities need the time they are about; (activity, object) → the type of their default association.
ACTIVITIES = ("calls", "tasks")
ASSOCIATIONS = {("calls", "contacts"): 194, ("tasks", "contacts"): 204}
# name → (type id, property of the last change)
TYPES = {
    "contacts": ("0-1", "lastmodifieddate"),
    "leads": ("0-136", "hs_lastmodifieddate"),
    "calls": ("0-48", "hs_lastmodifieddate"),
    "tasks": ("0-27", "hs_lastmodifieddate"),
    "p_patients": ("2-4711", "hs_lastmodifieddate"),
}


def _own(modified: str, created: str, group: str) -> list[Property]:
    return [
        Property("hs_object_id", "number", "number", group=group, read_only=True),
        Property(created, "datetime", "date", group=group, read_only=True),
        Property(modified, "datetime", "date", group=group, read_only=True),
        Property("hs_merged_object_ids", "enumeration", "checkbox", group=group, read_only=True),
        Property(
            "hubspot_owner_id",
            "enumeration",
            "select",
            group=group,
            options=tuple(o["id"] for o in OWNERS if isinstance(o["id"], str)),
        ),
    ]


def properties(name: str) -> dict[str, Property]:
    """The properties that a type of a fresh portal has."""
    groups = {"contacts": "contactinformation", "calls": "call", "tasks": "task", "leads": "lead"}
    group = groups.get(name, "patients")
    created = "createdate" if name == "contacts" else "hs_createdate"
    made = _own(TYPES[name][1], created, group)
    match name:
        case "contacts":
            made += text(
                "firstname", "lastname", "phone", "mobilephone", "address", "city", "state", "zip", "company",
                group=group,
            )  # fmt: skip
            made += [
                Property("email", group=group, unique=True),
                Property("hs_lead_status", "enumeration", "radio", group=group, options=_LEAD_STATUS),
                Property("do_not_call", "bool", "booleancheckbox", group=group, options=("true", "false")),
                Property("call_attempts", "number", "number", group=group),
                Property("last_call", "datetime", "date", group=group),
                Property("birthday", "date", "date", group=group),
            ]
        case "calls":
            made += text(
                "hs_call_title", "hs_call_body", "hs_call_to_number", "hs_call_from_number", "hs_call_recording_url",
                group=group,
            )  # fmt: skip
            made += [
                Property("hs_timestamp", "datetime", "date", group=group),
                Property("hs_call_duration", "number", "number", group=group),
                Property("hs_call_disposition", group=group),
                Property("hs_call_direction", "enumeration", "select", group=group, options=("INBOUND", "OUTBOUND")),
                Property(
                    "hs_call_status", "enumeration", "select", group=group,
                    options=("BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS",
                             "NO_ANSWER", "QUEUED", "RINGING"),
                ),
                Property(
                    "hs_call_source", "enumeration", "select", group=group, options=("INTEGRATIONS_PLATFORM", "CALLER")
                ),
            ]  # fmt: skip
        case "tasks":
            made += text("hs_task_subject", "hs_task_body", group=group)
            made += [
                Property("hs_timestamp", "datetime", "date", group=group),
                Property(
                    "hs_task_status", "enumeration", "select", group=group,
                    options=("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
                ),
                Property("hs_task_type", "enumeration", "select", group=group, options=("EMAIL", "CALL", "TODO")),
                Property("hs_task_priority", "enumeration", "select", group=group, options=("LOW", "MEDIUM", "HIGH")),
            ]  # fmt: skip
        case "leads":
            made += text("hs_lead_name", "phone", group=group)
            made += [Property("hs_lead_status", "enumeration", "radio", group=group, options=_LEAD_STATUS)]
        case _:
            made += text("name", "phone", "ward", group=group)
            made += [Property("patient_no", group=group, unique=True)]
    return by_name(made)
