"""Runs of workflows, and the tracks that they form."""
