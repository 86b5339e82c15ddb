"""The effects: pull, stage, deliver, settle, recover, guard, backfill, audit."""
