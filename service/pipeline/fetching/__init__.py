"""The facts that are fetched from CircleCI beside its webhooks."""
