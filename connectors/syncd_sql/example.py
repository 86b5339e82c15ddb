"""What the example configuration shows of a SQL database."""

from syncd.sdk import protocol

OPTIONS = """\
# Two tables of a SQL database. syncd never changes their structure.
# Or postgresql://… or sqlite:////path/crm.db. In a URL, write @ : / % of a password as %40 %3A %2F %25.
url: mysql://syncd:${credential:crm_password}@crm.example.com/crm
time_zone: America/New_York  # of columns that carry no zone
leads:
  table: people
  id: id
  modified: updated_at  # index it together with the id
  deleted: deleted_at  # a row with something here counts as deleted
calls:
  table: calls
  key: call_key  # text column with a unique index: a call is never entered twice
tasks:
  table: tasks
  key: task_key  # the same for callbacks
"""
LEADS = """\
where: {consent: true}  # everybody else is not dialled, and is taken out again if the consent goes
opt_out: {do_not_call: true}  # taken out of dialling before anything else is done
fields:  # lead field: where its value comes from
  phone_number: {from: [mobile_phone, home_phone]}  # the first that is not blank; phone_code comes with it
  first_name: first_name
  last_name: last_name
  email: email
  address1: street
  city: city
  state: {from: state, transform: upper}
  postal_code: zip
  # A blank note empties the lead's comment, too.
  comments: {template: "{{ notes }}{% if company %} ({{ company }}){% endif %}", transform: one_line, clear: true}
  gender: {from: gender, map: {female: F, male: M}, unmapped: blank, default: U}
  list_id:  # which list a lead goes to
    rules:
      - {when: {state: [FL, GA], language: es}, value: 1002}
      - {when: {state: [FL, GA]}, value: 1001}
    default: 1000
"""
CALLS = """\
fields:
  person_id: crm_id  # the id of the person who was called
  started_at: call_date
  seconds: length_in_sec
  result: status
  agent: {from: user, agents: owner, unmapped: pass}  # by `agents` above
  campaign: campaign_id
"""
DISPOSITIONS = """\
on_conflict: source  # both sides changed a field: the dialer's value counts
fields:
  call_status:
    from: status
    map: {SALE: sold, NI: not interested, DNC: do not call, DNCL: do not call, DNCC: do not call}
    unmapped: pass  # other statuses are written as they are
  do_not_call: {rules: [{when: {status: [DNC, DNCL, DNCC]}, value: true}]}
  last_call_at: call_date
  last_agent: user
"""
DNC = """\
fields:
  do_not_call: {value: true}
"""
CALLBACKS = """\
fields:
  person_id: crm_id  # the id of the person who is to be called back
  due_at: due_at
  agent: {from: user, agents: owner, unmapped: pass}  # blank: anyone
  note: comments
  done: {from: state, map: {open: false, done: true, cancelled: true}}
"""
RECORDINGS = """\
fields:
  recording_url: recording_url
  recording_seconds: recording_length_in_sec
"""
EDITS = """\
policy: {email: newest}  # other fields that both sides changed are held
fields:  # the person's field: field of the lead
  first_name: first_name
  last_name: last_name
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
