"""Tests of ``service.store.runs``."""
