"""Tests of ``service.operations.hooks``."""
