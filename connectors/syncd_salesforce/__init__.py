"""Salesforce as a CRM: Leads (or any object) out, calls as Tasks and dispositions back."""

from syncd_salesforce.connector import SalesforceConnector

__all__ = ["SalesforceConnector"]
