"""A fake CircleCI: its API, its webhooks, and the faults they can have."""
