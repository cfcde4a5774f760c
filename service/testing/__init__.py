"""Stand-ins for the outside: a fake CircleCI and an inbox."""
