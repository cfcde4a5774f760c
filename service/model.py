"""The words of Roundsman: this module is the glossary.

A word means one thing in code, tables, addresses, pages, logs and docs. Absent facts are ``None``, never ``""``;
times are aware and in UTC; units stand in the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

# ---------------------------------------------------------------- what comes in


class Via(StrEnum):
    """How a delivery reached us: posted to our hook, or asked for because a post never came."""

    WEBHOOK = "webhook"
    RECONCILE = "reconcile"


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    KEPT = "kept"  # on disk, not yet judged
    SETTLED = "settled"  # judged: its event, decisions and notifications are on record
    DEAD = "dead"  # not understood: waits for a person


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Which of our secrets made a signature: its place in the list and a fingerprint, never the secret."""

    index: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One inbound POST, verbatim.

    source_event_id   what the source calls the event; equal ids are one delivery repeated
    headers           the relevant ones, names in lower case, in the order received
    signed            None only for what we asked for ourselves (``via`` reconcile)
    repeats           how often the source posted it again
    """

    id: UUID
    source: str
    source_event_id: str
    via: Via
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    body: bytes
    signed: Signed | None
    state: DeliveryState = DeliveryState.KEPT
    reason: str | None = None
    repeats: int = 0
    failures: int = 0


class EventKind(StrEnum):
    """What a delivery tells of. CircleCI has these three; a fourth would be not understood, and kept."""

    WORKFLOW_COMPLETED = "workflow-completed"
    JOB_COMPLETED = "job-completed"
    PING = "ping"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project at the source. The slug is opaque and case-sensitive."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One run of a project's configuration."""

    id: str | None = None
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A group of jobs of a pipeline; its status is known once it has completed."""

    id: str | None = None
    name: str | None = None
    status: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a workflow."""

    id: str | None = None
    name: str | None = None
    number: int | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What was built, as far as the source says; ``url`` is where people can read it."""

    subject: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The person, or robot, who set a workflow going. ``login`` and ``name`` are found by asking the source."""

    id: str | None = None
    login: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """The fact that a delivery carries, in our words. Its id is its delivery's id.

    status        the workflow's for a workflow event, the job's for a job event; an open set
    trigger       what set the pipeline going (``webhook``, ``api``, ``schedule``, ...); an open set
    duration_ms   of the workflow or the job; None when the source did not say
    """

    id: UUID
    kind: EventKind
    source_event_id: str
    happened_at: datetime
    received_at: datetime
    via: Via = Via.WEBHOOK
    org: str | None = None
    project: Project = Project()
    pipeline: Pipeline = Pipeline()
    workflow: Workflow = Workflow()
    job: Job | None = None
    status: str | None = None
    branch: str | None = None
    tag: str | None = None
    revision: str | None = None
    commit: Commit = Commit()
    actor: Actor = Actor()
    trigger: str | None = None
    duration_ms: int | None = None

    @property
    def topic(self) -> str:
        """What people would be told of: two events with one topic are one piece of news.

        Cancelling a workflow with N jobs posts N+1 ``workflow-completed`` events for it.
        """
        if self.job is not None:
            return f"job:{self.job.id or self.source_event_id}:{self.status}"
        return f"workflow:{self.workflow.id or self.source_event_id}:{self.status}"


# ---------------------------------------------------------------- what we had to ask for


class Want(StrEnum):
    """A group of facts that one or two calls to the source answer."""

    ACTOR = "actor"  # who started the workflow
    VCS = "vcs"  # branch, tag, revision and subject of the pipeline
    JOBS = "jobs"  # the workflow's jobs, and how the failed ones failed
    TESTS = "tests"  # the test results of the failed jobs


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What we wanted and could not have, and why; ``retry_after_s`` where the source said when to come back."""

    want: Want
    reason: str
    is_final: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Vcs:
    """The version control facts of a pipeline."""

    branch: str | None = None
    tag: str | None = None
    revision: str | None = None
    subject: str | None = None


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

    wanted: frozenset[Want] = frozenset()
    actor: Actor | None = None
    vcs: Vcs | None = None
    jobs: tuple[JobReport, ...] | None = None
    missing: tuple[Missing, ...] = ()
    rounds: int = 0
    asked_at: datetime | None = None

    @property
    def may_improve(self) -> bool:
        """Asking again later may tell us more."""
        return any(not missing.is_final for missing in self.missing)


# ---------------------------------------------------------------- whom to tell


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One address of a receiver.

    key     stays the same while the entry in roundsman.yaml does, also when the secret behind it is rotated
    label   how people recognise it: ``web-team: slack``
    kind    the scheme of its URL: ``slack``, ``mailto``, ``json`` ...
    url     an Apprise URL with its secrets: never shown, logged or stored
    """

    key: str
    label: str
    kind: str
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A named group of channels: the people."""

    name: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """One test on one fact: some pattern fits and no excluded one does.

    key        ``event org project branch tag workflow job status trigger actor author``
    patterns   globs, any of them; empty means anything, also an absent fact
    excluded   globs that were written with a leading ``!``
    """

    key: str
    patterns: tuple[str, ...]
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """Matchers and the receiver that hears of what they match."""

    name: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False


# ---------------------------------------------------------------- what we decided and did


class Verdict(StrEnum):
    """What a route said of an event."""

    MATCHED = "matched"  # it leads to notifications
    ALREADY_TOLD = "already told"  # it matched, and all its channels know already
    NOT_MATCHED = "not matched"
    PRECEDED = "preceded"  # an earlier route won


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a route said of an event, and why, in words for the person who asks why they were not told.

    position   the route's place in roundsman.yaml, from 0
    """

    position: int
    route: str
    receiver: str
    verdict: Verdict
    reason: str


class NotificationState(StrEnum):
    """What has become of a notification."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"  # its attempts ran out or were no use: waits for a person


@dataclass(frozen=True, kw_only=True)
class Notification:
    """An event that one channel must hear of; unique for each topic and channel.

    attempts     how many were begun
    give_up_at   no attempt is planned after this time
    reason       why the last attempt did not work
    """

    id: UUID
    event_id: UUID
    topic: str
    route: str
    receiver: str
    channel_key: str
    channel_label: str
    channel_kind: str
    state: NotificationState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    give_up_at: datetime
    reason: str | None = None
    sent_at: datetime | None = None


class Outcome(StrEnum):
    """How an attempt ended."""

    SENDING = "sending"  # not yet
    SENT = "sent"
    PUT_OFF = "put off"  # did not work; there will be another
    DEAD = "dead"  # did not work; there will be no other
    INTERRUPTED = "interrupted"  # we were stopped in the middle: people may have got it


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at sending a notification; ``receipt`` is the channel's proof that it accepted."""

    notification_id: UUID
    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.SENDING
    reason: str | None = None
    receipt: str | None = None


@dataclass(frozen=True, kw_only=True)
class Message:
    """A notification in words: the same story in three forms, each with outside text escaped for its target.

    title      plain text, one line
    severity   ``success``, ``failure``, ``warning`` or ``info``: for channels that show a colour
    """

    title: str
    text: str
    markdown: str
    html: str
    severity: str


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something an operator did: ``replay`` of a delivery or ``resend`` of a notification."""

    verb: str
    subject_id: UUID
    who: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class HookSpec:
    """A hook that roundsman.yaml wants at a project."""

    project: str
    name: str
    events: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One registration of a URL at a source's project, as the source lists it. Its secret cannot be read back."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    verify_tls: bool
