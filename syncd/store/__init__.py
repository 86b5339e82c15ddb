"""The only SQL: tables, transactions, lease, upgrade."""
