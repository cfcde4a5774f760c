"""Tests of ``service.pipeline.planning``."""
