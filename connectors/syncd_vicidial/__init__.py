"""VICIdial as a dialer."""

from syncd_vicidial.connector import VicidialConnector

__all__ = ["VicidialConnector"]
