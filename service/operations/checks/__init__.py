"""Checks of configuration, rights and surroundings."""
