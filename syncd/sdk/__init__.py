"""All that a connector may import: protocol, records, errors, HTTP client, registry, testing kit."""
