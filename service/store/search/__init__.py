"""The search of events: its terms, names and places."""
