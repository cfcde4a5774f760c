"""The fixtures and helpers of the tests: databases, servers, browsers, terminals, data."""
