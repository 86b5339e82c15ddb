"""Pure decisions: model, mapping, diff, plan, policy, retry, phone; no I/O, no SQL, no clock."""
