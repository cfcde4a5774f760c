"""Webhooks of CircleCI: their signature, their payload, and the event in them. Pure."""
