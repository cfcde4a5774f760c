"""Tests of ``service.store.search``."""
