"""Tests of service.testing."""
