"""Tests of the helm."""
