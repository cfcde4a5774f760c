"""The assembly of the service from its configuration."""
