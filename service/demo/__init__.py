"""The demo: a small organization's day in a minute, with a fake CircleCI."""
