"""The Salesforce connector against the simulated org, over HTTP."""
