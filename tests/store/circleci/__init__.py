"""Tests of ``service.store.circleci``."""
