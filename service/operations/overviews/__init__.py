"""Overviews of what is red: now, by project, by workflow."""
