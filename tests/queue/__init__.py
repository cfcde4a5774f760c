"""Tests of service.queue."""
