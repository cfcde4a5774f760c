"""Alarms of Roundsman's own troubles, told to its operators."""
