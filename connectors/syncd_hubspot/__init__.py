"""HubSpot for syncd: contacts, leads or a custom object as the people, engagement calls as the calls."""

from syncd_hubspot.connector import HubspotConnector

__all__ = ["HubspotConnector"]
