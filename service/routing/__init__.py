"""Routing: the decisions that the routes make about an event. Pure."""
