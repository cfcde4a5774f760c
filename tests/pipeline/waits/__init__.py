"""Tests of ``service.pipeline.waits``."""
