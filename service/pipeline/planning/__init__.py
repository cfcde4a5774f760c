"""The planning of notifications: which channel is told of which news."""
