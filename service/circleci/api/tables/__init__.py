"""The endpoints of CircleCI's API, a table for each area of it."""
