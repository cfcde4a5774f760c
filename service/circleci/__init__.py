"""CircleCI: its webhooks and its API, in our words."""
