"""Tests of ``service.store.upkeep``."""
