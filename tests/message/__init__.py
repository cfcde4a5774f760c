"""Tests of service.message."""
