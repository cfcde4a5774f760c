"""Tests of ``service.pipeline.sending``."""
