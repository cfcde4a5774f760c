"""An invented organization: its people, its projects, and runs of its workflows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid3

ORG = "acme"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def stable_id(*parts: object) -> str:
    """Return a UUID version 3, as CircleCI's event ids are, the same for equal parts."""
    return str(uuid3(NAMESPACE_URL, "https://acme.example.com/" + "/".join(map(str, parts))))


def base58(made: str) -> str:
    """Return a UUID in base 58, as in the slugs of projects of the GitHub App."""
    number, letters = UUID(made).int, ""
    while number:
        number, digit = divmod(number, len(BASE58))
        letters = BASE58[digit] + letters
    return letters


ORG_ID = stable_id("org", ORG)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who pushes."""

    login: str
    name: str

    @property
    def id(self) -> str:
        """The person's id at CircleCI."""
        return stable_id("user", self.login)

    @property
    def email(self) -> str:
        """The address in the person's commits."""
        return f"{self.login}@example.com"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A repository that CircleCI builds.

    is_app        connected through the GitHub App, not through GitHub OAuth: other slugs, other webhooks
    hook_events   the events of its hook; not every team wants those of single jobs
    """

    name: str
    is_app: bool = False
    hook_events: tuple[str, ...] = ("workflow-completed",)

    @property
    def id(self) -> str:
        """The project's id."""
        return stable_id("project", self.name)

    @property
    def slug(self) -> str:
        """The slug that CircleCI's API answers with."""
        return f"circleci/{base58(ORG_ID)}/{base58(self.id)}" if self.is_app else f"gh/{ORG}/{self.name}"

    @property
    def long_slug(self) -> str:
        """The slug that CircleCI's webhooks carry."""
        return self.slug.replace("gh/", "github/", 1)

    @property
    def repository_url(self) -> str:
        """The URL of the code."""
        return f"https://github.com/{ORG}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """The result of one test: ``success``, ``failure`` or ``skipped``."""

    name: str
    class_name: str
    file: str
    result: str = "success"
    message: str = ""
    run_time_s: float = 0.1

    __test__ = False  # pytest would collect the class by its name


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One job of a run.

    number         None for a job that never ran: an approval, a job behind a failed one
    starts_s       seconds after the workflow's start
    tests_late_by  how many times CircleCI answers "no results" before it has them
    step           its step that runs a command; if the job failed, the one that failed, with its exit code
    log            the output of that step; condensed, its lines that matter
    """

    name: str
    status: str = "success"
    number: int | None = None
    starts_s: int = 0
    lasts_s: int = 40
    is_approval: bool = False
    approved_by: Person | None = None
    messages: tuple[str, ...] = ()
    tests: tuple[TestResult, ...] = ()
    tests_late_by: int = 0
    step: str = "Run tests"
    exit_code: int = 1
    log: str = ""
    condensed: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One workflow of one pipeline, from the push to its end.

    number         of the pipeline
    attempt        1, or more for a rerun: the same pipeline, another workflow id
    waited_s       seconds from the push to the start of this attempt
    trigger        its cause; no user of CircleCI started a ``schedule``
    pull_request   its number, where CircleCI knows one
    auto_reruns    the number of this automatic rerun, and how many are allowed; 0: none
    is_setup       it only sets up the workflows after it
    """

    project: Project
    number: int
    author: Person
    subject: str
    pushed_at: datetime
    jobs: tuple[JobRun, ...] = ()
    workflow: str = "build-and-test"
    status: str = "success"
    branch: str | None = "main"
    tag: str | None = None
    attempt: int = 1
    waited_s: int = 0
    trigger: str = "webhook"
    pull_request: int | None = None
    auto_reruns: tuple[int, int] = (0, 0)
    is_setup: bool = False

    @property
    def pipeline_id(self) -> str:
        """The pipeline's id, the same for every attempt."""
        return stable_id("pipeline", self.project.name, self.number)

    @property
    def workflow_id(self) -> str:
        """The workflow's id, another one for every attempt."""
        return stable_id("workflow", self.pipeline_id, self.workflow, self.attempt)

    @property
    def revision(self) -> str:
        """The commit: 40 hex digits."""
        return sha256(self.pipeline_id.encode()).hexdigest()[:40]

    @property
    def url(self) -> str:
        """The URL of the workflow's page."""
        pipeline = f"https://app.circleci.com/pipelines/{self.project.long_slug}/{self.number}"
        return f"{pipeline}/workflows/{self.workflow_id}"

    @property
    def starter(self) -> Person | None:
        """The user who started it at CircleCI; None for a schedule."""
        return None if self.trigger == "schedule" else self.author

    @property
    def is_unfinished(self) -> bool:
        """True while it runs, or waits for a person."""
        return self.status in {"running", "failing", "on_hold"}

    @property
    def stopped_at(self) -> datetime:
        """The end of its last job, at least a second after the start.

        CircleCI takes a second even for a workflow that may not run.
        """
        return self.at(max(1, *(job.starts_s + job.lasts_s for job in self.jobs)))

    def at(self, after_s: float) -> datetime:
        """Return the time this many seconds after the attempt began."""
        return self.pushed_at + timedelta(seconds=self.waited_s + after_s)

    def job_id(self, job: JobRun) -> str:
        """Return the id of one of its jobs."""
        return stable_id("job", self.workflow_id, job.name)


def sequential_jobs(first: int, *jobs: JobRun) -> tuple[JobRun, ...]:
    """Return the jobs in sequence, with start times, and numbers from ``first`` on.

    CircleCI gives a number to a job when it starts, so approvals and jobs that never ran have none.
    """
    return tuple(_schedule(first, jobs))


def _schedule(number: int, jobs: tuple[JobRun, ...]) -> Iterator[JobRun]:
    starts_s = 0
    for job in jobs:
        if job.is_approval or job.status in {"blocked", "not_run", "unauthorized"}:
            yield replace(job, starts_s=starts_s, lasts_s=0)
            continue

        yield replace(job, starts_s=starts_s, number=number)
        number, starts_s = number + 1, starts_s + job.lasts_s


ADA = Person(login="ada", name="Ada Example")
GRACE = Person(login="grace", name="Grace Example")
LINH = Person(login="linh", name="Linh Example")
ROBOT = Person(login="upgrade-robot", name="Upgrade Robot")

WEB = Project(name="web", hook_events=("workflow-completed", "job-completed"))
SHOP_API = Project(name="shop-api")
MOBILE = Project(name="mobile", is_app=True)
PROJECTS = (WEB, SHOP_API, MOBILE)
