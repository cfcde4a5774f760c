"""A small organization's day in a minute: a pretend CircleCI, an inbox, and the script that they play."""
