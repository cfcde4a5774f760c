"""Routing: routes and the decisions they make of an event. Pure."""
