"""The history of tests that failed."""
