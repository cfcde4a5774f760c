"""Tests of service.pipeline."""
