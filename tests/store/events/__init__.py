"""Tests of ``service.store.events``."""
