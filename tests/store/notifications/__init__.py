"""Tests of ``service.store.notifications``."""
