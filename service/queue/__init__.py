"""Background jobs: each engine with its own SQL."""
