"""Tests of ``service.pipeline.digests``."""
