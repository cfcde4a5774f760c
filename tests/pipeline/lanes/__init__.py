"""Tests of ``service.pipeline.lanes``."""
