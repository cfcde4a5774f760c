"""Tests of service.circleci."""
