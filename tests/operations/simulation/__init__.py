"""Tests of ``service.operations.simulation``."""
