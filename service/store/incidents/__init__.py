"""Incidents, with what people say of them and of known problems."""
