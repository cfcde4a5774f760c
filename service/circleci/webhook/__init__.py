"""CircleCI's webhooks: signature, payload, and the event in it. Pure."""
