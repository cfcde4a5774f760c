"""Tests of ``service.pipeline.news``."""
