"""The API of CircleCI: one client, its limits, and its answers."""
