"""CircleCI: its webhooks and its API, in the words of our model."""
