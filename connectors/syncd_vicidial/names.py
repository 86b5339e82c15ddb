"""Fields of leads that mean something to syncd itself."""

KEY_FIELD = "vendor_lead_code"
MARKER_FIELD = "source_id"
FLAGS_FIELD = "flags"  # what the lead's status means, as of calls; no column, but read like one
HOPPER_FIELD = "hopper_priority"  # no column, either: of a new lead only
