"""The questions to CircleCI, its answers, and its hooks."""
