"""Tests of ``service.pipeline.judgment``."""
