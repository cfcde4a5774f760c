"""The health of the service, and its first run."""
