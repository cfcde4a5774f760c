"""Routes on simulated time: tests of routes, and back-tests."""
