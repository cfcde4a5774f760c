"""Tests that failed, judged by their results."""
