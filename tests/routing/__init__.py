"""Tests of service.routing."""
