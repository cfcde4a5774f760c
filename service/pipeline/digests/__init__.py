"""Digests: what a team hears at set times."""
