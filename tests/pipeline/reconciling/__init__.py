"""Tests of ``service.pipeline.reconciling``."""
