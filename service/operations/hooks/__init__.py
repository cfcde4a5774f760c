"""Hooks, exporters, schedules, claims at CircleCI, as roundsman.yaml wants them."""
