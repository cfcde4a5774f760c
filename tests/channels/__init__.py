"""Tests of service.channels."""
