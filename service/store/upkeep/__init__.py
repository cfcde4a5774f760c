"""The upkeep of the service: heartbeats, alarms, retention, forgetting."""
