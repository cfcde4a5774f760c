"""Tests of ``service.operations.test_history``."""
