"""Tests of service.web.pages."""
