"""Details: facts that no webhook carries, and that are asked of the source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.model.events import Actor, PullRequest


class DetailKind(StrEnum):
    """A group of facts that one or two calls to the source's API answer."""

    ACTOR = "actor"  # the person who started the workflow
    VCS = "vcs"  # branch, tag, revision and subject of the pipeline
    JOBS = "jobs"  # the workflow's jobs, and the reasons why some failed
    TESTS = "tests"  # the test results of the failed jobs
    WORKFLOW = "workflow"  # its automatic reruns, and whether it is a setup
    LOG = "log"  # the failed step of each failed job, with the end of its log
    STEPS = "steps"  # the failed step of each failed job without test results, not its log
    PASSES = "passes"  # the test results of the jobs that passed
    PULL_REQUEST = "pull_request"  # number and page of the pull request


class FetchPurpose(StrEnum):
    """The reason why details are fetched, in order of priority."""

    DECISION = "decision"  # a route tests a fact that the webhook lacks
    MESSAGE = "message"  # notifications wait
    PAGE = "page"  # only the event's page lacks them
    TESTS = "tests"  # what is learned of tests from run to run lacks them


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A claimed fetch of an event's details.

    lease_until   the claim is ours until then; afterwards another process takes it
    """

    event_id: UUID
    purpose: FetchPurpose
    lease_until: datetime


@dataclass(frozen=True, kw_only=True)
class MissingDetail:
    """A detail that could not be had, with the reason.

    is_final        asking again would not help
    retry_after_s   seconds after which the source wants to be asked again; None where it named no time
    is_by_choice    nothing went wrong, so messages do not mention it: there is no token, or no such user
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


@dataclass(frozen=True, kw_only=True)
class WorkflowFacts:
    """Facts of a workflow that no webhook carries: see ``Workflow``."""

    auto_rerun_number: int = 0
    max_auto_reruns: int | None = None
    is_setup: bool = False


FAILED_RESULTS = frozenset({"failure", "failed", "error"})
"""The results of a test that failed. CircleCI documents no set: test runners have been seen to write these."""


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
class TestPass:
    """One test that passed."""

    name: str
    class_name: str | None = None
    file: str | None = None
    run_time_s: float | None = None

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """The test results of one job.

    failures      the failed tests, as many as are kept
    counts        the number of tests by result
    is_complete   False when the source had more pages than we read
    passes        the tests that passed, of the round that read them; details that are stored have none
    """

    failures: tuple[TestFailure, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True
    passes: tuple[TestPass, ...] = field(default=(), compare=False)

    __test__ = False

    @property
    def failed(self) -> int:
        """Return the number of failed tests: at least those in ``failures``."""
        return max(len(self.failures), sum(self.counts.get(result, 0) for result in FAILED_RESULTS))


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """The step at which a job failed.

    lines   the end of its log, without secrets; empty where it could not be had
    url     the page that shows it
    """

    name: str
    exit_code: int | None = None
    lines: tuple[str, ...] = ()
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """One job of the workflow, as the source's API describes it.

    messages   the source's own remarks on the job, such as why it could not start
    tests      only for failed jobs, and only when the source had results
    step       only for failed jobs, where a route shows logs
    started_at None: it never started, or it is not known
    needs      the names of the jobs that it waits for, at most 20; empty where they are not known
    """

    name: str
    status: str
    number: int | None = None
    type: str | None = None
    url: str | None = None
    duration_ms: int | None = None
    messages: tuple[str, ...] = ()
    tests: TestReport | None = None
    id: str | None = field(default=None, compare=False)
    step: FailedStep | None = None
    started_at: datetime | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Details:
    """The facts that the source's API gave about an event, and the ones still missing.

    wanted         the kinds asked for, in all rounds together
    jobs           every job of the workflow (for a job event: that job), in the source's order
    pull_request   without number and page: the pipeline has none
    missing        the details still unknown; empty when everything asked for was answered
    rounds         the number of times that we asked
    asked_at       the time of the last round for which there was a token; None before the first
    """

    wanted: frozenset[DetailKind] = frozenset()
    actor: Actor | None = None
    vcs: Vcs | None = None
    jobs: tuple[JobReport, ...] | None = None
    workflow: WorkflowFacts | None = None
    pull_request: PullRequest | None = None
    missing: tuple[MissingDetail, ...] = ()
    rounds: int = 0
    asked_at: datetime | None = None

    @property
    def has_tests(self) -> bool | None:
        """True if the tests of all failed jobs are known, or known to be none.

        None if they were not asked for.
        """
        if DetailKind.TESTS not in self.wanted:
            return None
        return self.jobs is not None and all(missing.want is not DetailKind.TESTS for missing in self.missing)

    @property
    def may_improve(self) -> bool:
        """True if asking again later may fill in a missing detail."""
        return any(not missing.is_final for missing in self.missing)
