"""Tests of service.app."""
