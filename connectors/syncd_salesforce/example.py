"""What the example configuration shows of a Salesforce org.

`Call_Status__c`, `Last_Call__c` and `Syncd_Call__c` are the customer's own fields; the others are standard ones of Lead
and Task (Object Reference for the Salesforce Platform).
"""

from syncd.sdk import protocol

OPTIONS = """\
# A connected app with client credentials; docs/salesforce.md says what an administrator prepares.
url: https://acme.my.salesforce.com  # My Domain
client_id: ${credential:salesforce_client_id}
client_secret: ${credential:salesforce_client_secret}
# Or JWT, instead of client_secret: the certificate's key, and the user to act as.
#username: syncd@acme.example.com
#private_key_file: /etc/syncd/credentials/salesforce.pem
object: Lead
calls:
  key_field: Syncd_Call__c  # external id made on Activity: a call is never entered twice
tasks:
  key_field: Syncd_Call__c  # for callbacks; the same field will do
time_zone: America/New_York  # of days: a callback is due on its day there
"""
LEADS = """\
opt_out: {DoNotCall: true}  # taken out of dialling before anything else is done
fields:  # lead field: where its value comes from
  phone_number: {from: [MobilePhone, Phone]}  # the first that is not blank; phone_code comes with it
  first_name: FirstName
  last_name: LastName
  email: Email
  address1: {from: Street, transform: one_line}
  city: City
  # VICIdial has room for two letters and would make Al of Alaska, so that only codes go out. An org with
  # state picklists has them in StateCode.
  state: {template: "{% if State|length == 2 %}{{ State }}{% endif %}", transform: upper, clear: true}
  postal_code: PostalCode
  list_id: {value: 1000}  # a list that is there; `rules` choose among several
"""
CALLS = """\
fields:
  WhoId: crm_id  # the lead that was called, or its contact once it is converted
  Subject: {template: "VICIdial {{ campaign_id }}: {{ status }}"}
  CallDurationInSeconds: length_in_sec
  CallDisposition: status
  CallType: {from: leg, map: {out: Outbound, in: Inbound}}
  ActivityDate: call_date  # its day, in `time_zone`
  OwnerId: {from: user, agents: owner}  # by the client's `agents`; else the user that syncd logs in as
"""
DISPOSITIONS = """\
on_conflict: source  # both sides changed a field: the dialer's value counts
fields:
  # Call_Status__c (picklist) and Last_Call__c (date and time) are fields that you make, on Lead and, for
  # converted leads, on Contact.
  Call_Status__c:
    from: status
    map: {SALE: sold, NI: not interested, N: no answer, NA: no answer,
      DNC: do not call, DNCL: do not call, DNCC: do not call}
    unmapped: blank
  DoNotCall: {rules: [{when: {status: [DNC, DNCL, DNCC]}, value: true}]}
  Last_Call__c: call_date
"""
DNC = """\
fields:
  DoNotCall: {value: true}
"""
CALLBACKS = """\
fields:
  WhoId: crm_id  # the lead that is to be called back, or its contact once it is converted
  # No standard status says that it was called off (a deferred Task stays open): the subject does.
  Status: {from: state, map: {open: Not Started, done: Completed, cancelled: Completed}}
  Subject: {from: state, map: {open: Call back, done: Called back, cancelled: Callback cancelled}}
  Description: {from: comments, clear: true}
  ActivityDate: due_at  # its day, in `time_zone`
  ReminderDateTime: due_at  # the owner is reminded at that time
  IsReminderSet: {from: state, map: {open: true, done: false, cancelled: false}}
  OwnerId: {from: user, agents: owner}  # by the client's `agents`; else the user that syncd logs in as
"""
RECORDINGS = """\
fields:
  Recording_URL__c: recording_url  # a field (URL) that you make on Activity
"""
EDITS = """\
policy: {Email: newest}  # other fields that both sides changed are held
fields:  # field: field of the lead
  FirstName: first_name
  LastName: last_name
  Email: email
  PostalCode: postal_code
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
    needs={"tasks": ("time_zone",)},
)
