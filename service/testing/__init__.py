"""Fakes of outside services: CircleCI and an inbox."""
