"""Tests of routes, as roundsman.yaml has them under ``tests:``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

TEST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
"""The Monday of tests that name hours alone."""


@dataclass(frozen=True, kw_only=True)
class GivenRun:
    """A run that ends, by its facts.

    facts      by match key
    at         its end
    pipeline   the number of its pipeline; two of one number are a run and its rerun. None: the next one
    """

    facts: Mapping[str, str]
    at: datetime
    pipeline: int | None = None


@dataclass(frozen=True, kw_only=True)
class ExpectedMessage:
    """A message that a receiver must get; a field that is None may be anything."""

    receiver: str
    transition: str | None = None
    route: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RouteTest:
    """A test: runs that end, and all messages that receivers must get of them."""

    name: str
    given: tuple[GivenRun, ...]
    expect: tuple[ExpectedMessage, ...]
