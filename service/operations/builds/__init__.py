"""Builds: their story, their files, and acts on them at CircleCI."""
