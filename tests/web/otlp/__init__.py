"""Tests of service.web.otlp."""
