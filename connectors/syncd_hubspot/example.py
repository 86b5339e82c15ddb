"""What the example configuration shows of a HubSpot portal.

Of the contact's properties that the mappings name, `do_not_call` (single checkbox) and `last_call` (date and time) are
the customer's own; HubSpot's standard ones are listed in its knowledge base, "HubSpot's default contact properties".
"""

from syncd.sdk import protocol

OPTIONS = """\
# docs/hubspot.md lists the scopes of the service key; `syncd setup CLIENT` makes both key properties.
token: ${credential:hubspot_token}
object: contacts  # or leads, or the type id or name of a custom object
#portal: "1234567"  # then a key of another portal is refused
requests_per_10_seconds: 100  # 190 with Professional and Enterprise; syncd keeps below it
calls:
  key_property: vicidial_call_id  # has unique values: a call is never entered twice
tasks:
  key_property: vicidial_callback_id  # the same for callbacks
"""
LEADS = """\
# do_not_call (single checkbox) and, below, last_call (date and time) are properties that you make.
opt_out: {do_not_call: true}  # taken out of dialling before anything else is done
fields:  # lead field: where its value comes from
  phone_number: {from: [mobilephone, phone]}  # the first that is not blank; phone_code comes with it
  first_name: firstname
  last_name: lastname
  email: email
  address1: {from: address, transform: one_line}
  city: city
  # VICIdial has room for two letters and would make Al of Alaska, so that only codes go out.
  state: {template: "{% if state|length == 2 %}{{ state }}{% endif %}", transform: upper, clear: true}
  postal_code: zip
  list_id: {value: 1000}  # a list that is there; `rules` choose among several
"""
CALLS = """\
fields:
  record_id: crm_id  # no property: the contact that the call is shown with
  hs_timestamp: call_date
  hs_call_title: {template: "VICIdial {{ campaign_id }}: {{ status }}"}
  duration_seconds: length_in_sec  # no property either: becomes hs_call_duration, which is in milliseconds
  hs_call_disposition:  # labels or ids of the portal's call outcomes
    from: status
    map: {SALE: Connected, NI: Connected, DNC: Connected, CALLBK: Connected, AM: Left voicemail,
      AL: Left voicemail, A: No answer, AA: No answer, N: No answer, NA: No answer, B: Busy, AB: Busy}
    unmapped: blank
  hs_call_direction: {from: leg, map: {out: OUTBOUND, in: INBOUND}}
  hubspot_owner_id: {from: user, agents: owner}  # by the client's `agents`; others leave it empty
"""
DISPOSITIONS = """\
on_conflict: source  # both sides changed a property: the dialer's value counts
fields:
  hs_lead_status:  # UNQUALIFIED is for do-not-call alone: so nothing weaker overwrites it
    from: status
    map: {SALE: CONNECTED, CALLBK: IN_PROGRESS, NI: BAD_TIMING,
      DNC: UNQUALIFIED, DNCL: UNQUALIFIED, DNCC: UNQUALIFIED,
      A: ATTEMPTED_TO_CONTACT, AA: ATTEMPTED_TO_CONTACT, N: ATTEMPTED_TO_CONTACT,
      NA: ATTEMPTED_TO_CONTACT, B: ATTEMPTED_TO_CONTACT, AB: ATTEMPTED_TO_CONTACT}
    unmapped: blank
  do_not_call: {rules: [{when: {status: [DNC, DNCL, DNCC]}, value: true}]}
  last_call: call_date
"""
DNC = """\
fields:
  do_not_call: {value: true}
"""
CALLBACKS = """\
fields:
  record_id: crm_id  # no property: the contact that the task is shown with
  hs_timestamp: due_at  # when it is due
  hs_task_type: {value: CALL}
  # No status says that it was called off (a deferred task stays open): the subject does.
  hs_task_status: {from: state, map: {open: NOT_STARTED, done: COMPLETED, cancelled: COMPLETED}}
  hs_task_subject: {from: state, map: {open: Call back, done: Called back, cancelled: Callback cancelled}}
  hs_task_body: {from: comments, clear: true}
  hubspot_owner_id: {from: user, agents: owner, clear: true}  # by the client's `agents`; else nobody's
"""
RECORDINGS = """\
fields:
  hs_call_recording_url: recording_url  # HubSpot plays https only: see `recording_links` of the dialer
"""
EDITS = """\
policy: {email: newest}  # other fields that both sides changed are held
fields:  # property: field of the lead
  firstname: first_name
  lastname: last_name
  email: email
  zip: postal_code
"""

EXAMPLE = protocol.Example(
    OPTIONS,
    {
        "leads": LEADS,
        "calls": CALLS,
        "dispositions": DISPOSITIONS,
        "edits": EDITS,
        "dnc": DNC,
        "callbacks": CALLBACKS,
        "recordings": RECORDINGS,
    },
)
