"""Tests of ``service.pipeline.upkeep``."""
