"""Tests of ``service.operations.checks``."""
