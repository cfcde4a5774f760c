"""Tests of ``service.pipeline.alarms``."""
