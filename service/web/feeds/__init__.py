"""Feeds for readers, badges for READMEs, and states for walls."""
