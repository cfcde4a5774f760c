"""Tests of ``service.operations.health``."""
