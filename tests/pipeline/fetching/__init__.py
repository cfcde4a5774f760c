"""Tests of ``service.pipeline.fetching``."""
