"""A table or view of a SQL database as a CRM."""

from syncd_sql.connector import SqlConnector

__all__ = ["SqlConnector"]
