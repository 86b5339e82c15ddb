"""A customer with HubSpot or Salesforce, both simulated, and what tests of either need."""
