"""What has gone wrong with other integrations, shown with HubSpot and with Salesforce through the command."""
