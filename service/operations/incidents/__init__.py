"""Incidents, known problems and silences, and the acts of people on them."""
