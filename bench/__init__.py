"""Measures what syncd costs: processor time per lead, planning rate, memory. `python -m bench --help`."""
