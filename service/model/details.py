"""What we had to ask the source for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from service.model.events import Actor


class DetailKind(StrEnum):
    """A group of facts that one or two calls to the source answer."""

    ACTOR = "actor"  # who started the workflow
    VCS = "vcs"  # branch, tag, revision and subject of the pipeline
    JOBS = "jobs"  # the workflow's jobs, and how the failed ones failed
    TESTS = "tests"  # the test results of the failed jobs


@dataclass(frozen=True, kw_only=True)
class MissingDetail:
    """What we wanted and could not have, and why; ``retry_after_s`` where the source said when to come back.

    is_by_choice   nothing went wrong, and those who are told need not know: there is no token, or no such user
    """

    want: DetailKind
    reason: str
    is_final: bool
    retry_after_s: float | None = None
    is_by_choice: bool = False


@dataclass(frozen=True, kw_only=True)
class Vcs:
    """The version control facts of a pipeline."""

    branch: str | None = None
    tag: str | None = None
    revision: str | None = None
    subject: str | None = None


FAILED_RESULTS = frozenset({"failure", "failed", "error"})
"""The results of a test that failed. CircleCI documents no set: these are what runners are seen to write."""


@dataclass(frozen=True, kw_only=True)
class TestFailure:
    """One failed test."""

    name: str
    class_name: str | None = None
    file: str | None = None
    message: str | None = None
    run_time_s: float | None = None

    __test__ = False  # pytest would take the name for a test class


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """The test results of one job: the failures, and how many of each result there were.

    is_complete   False when the source had more pages than we read
    """

    failures: tuple[TestFailure, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True

    __test__ = False

    @property
    def failed(self) -> int:
        """How many tests failed: at least those that are named."""
        return max(len(self.failures), sum(self.counts.get(result, 0) for result in FAILED_RESULTS))


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """One job of the workflow; ``tests`` only for failed jobs, and only when the source had results."""

    name: str
    status: str
    number: int | None = None
    type: str | None = None
    url: str | None = None
    duration_ms: int | None = None
    messages: tuple[str, ...] = ()
    tests: TestReport | None = None


@dataclass(frozen=True, kw_only=True)
class Details:
    """What we had to ask the source for, and what it would not say.

    wanted    what was asked for, in all rounds together
    jobs      every job of the workflow (for a job event: that job), in the source's order
    missing   what is still unknown; empty when everything asked for was answered
    rounds    how many times we asked
    """

    wanted: frozenset[DetailKind] = frozenset()
    actor: Actor | None = None
    vcs: Vcs | None = None
    jobs: tuple[JobReport, ...] | None = None
    missing: tuple[MissingDetail, ...] = ()
    rounds: int = 0
    asked_at: datetime | None = None

    @property
    def may_improve(self) -> bool:
        """Asking again later may tell us more."""
        return any(not missing.is_final for missing in self.missing)
