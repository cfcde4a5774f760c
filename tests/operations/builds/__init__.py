"""Tests of ``service.operations.builds``."""
