"""The whole below the command line: real connectors, a real store, a CRM in SQL and a VICIdial over HTTP."""
