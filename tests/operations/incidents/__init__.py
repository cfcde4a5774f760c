"""Tests of ``service.operations.incidents``."""
