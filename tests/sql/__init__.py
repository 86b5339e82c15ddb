"""The SQL connector on real databases."""
