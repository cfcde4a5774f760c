"""Insights: figures that CircleCI counts once a day, kept apart from our own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class InsightKind(StrEnum):
    """The kinds of insights: of an organization, of a project, of a workflow."""

    ORGANIZATION = "organization"
    SUMMARIES = "summaries"
    FLAKY = "flaky"
    BRANCHES = "branches"
    RUNS = "runs"
    JOBS = "jobs"
    SERIES = "series"
    TESTS = "tests"
    JOB_RUNS = "job_runs"


OF_WORKFLOW = (InsightKind.RUNS, InsightKind.JOBS, InsightKind.SERIES, InsightKind.TESTS, InsightKind.JOB_RUNS)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question to CircleCI: its kind, and the project, organization or workflow."""

    kind: InsightKind
    place: str
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class Insight:
    """The last answer to a question.

    tried_at   the time of the last try, likewise ``asked_at`` that of the last success
    reason     why the last try failed
    """

    question: Question
    tried_at: datetime
    asked_at: datetime | None = None
    facts: Mapping[str, Any] | None = None
    reason: str | None = None
