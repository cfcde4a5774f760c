"""Deliveries, and the events they carry."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from service.model.opaque_slugs import OPAQUE, opaque_spellings
from service.model.run_facts import RunFacts
from service.model.tracks import RunState, default_branches


class Via(StrEnum):
    """The way by which a delivery reached us."""

    WEBHOOK = "webhook"  # posted to our hook
    RECONCILE = "reconcile"  # asked for, because the post never came


class DeliveryState(StrEnum):
    """The state of a delivery: kept, settled, dead or dismissed."""

    KEPT = "kept"  # on disk, not yet judged
    SETTLED = "settled"  # judged: its event, decisions and notifications are on record
    DEAD = "dead"  # not understood: a dead letter, which waits for a person
    DISMISSED = "dismissed"  # a person dealt with it by other means


@dataclass(frozen=True, kw_only=True)
class SignatureMatch:
    """The secret that made a post's signature: its position and a fingerprint.

    It never holds the secret itself.

    index   the position in the list of secrets from 0, as it is stored; pages, API and log show its ``number``
    """

    index: int
    fingerprint: str

    @property
    def number(self) -> int:
        """Return the position from 1."""
        return self.index + 1


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One inbound POST, verbatim.

    source_event_id   the source's id of the event; equal ids are one delivery repeated
    headers           the relevant ones, names in lower case, in the order received
    signed            None only for a delivery that we asked for ourselves (``via`` reconcile)
    repeats           the number of times that the source posted it again
    due_at            it is decided on from then on; None: at once
    """

    id: UUID
    source: str
    source_event_id: str
    via: Via
    received_at: datetime
    headers: tuple[tuple[str, str], ...]
    body: bytes
    signed: SignatureMatch | None
    state: DeliveryState = DeliveryState.KEPT
    reason: str | None = None
    repeats: int = 0
    failures: int = 0
    due_at: datetime | None = None


class EventKind(StrEnum):
    """The type of an event.

    CircleCI posts these but those of ours; a delivery with another one would be kept as a dead letter.
    """

    WORKFLOW_COMPLETED = "workflow-completed"
    JOB_COMPLETED = "job-completed"
    WORKFLOW_HELD = "workflow-held"  # ours: a workflow waits for an approval; its job is the one to approve
    SETTINGS_CHANGED = "settings-changed"  # ours: settings that guard builds are not as they were; it is of no build
    PING = "ping"

    @property
    def is_ours(self) -> bool:
        """True if we make it of what we asked for, and CircleCI never posts it."""
        return self in {EventKind.WORKFLOW_HELD, EventKind.SETTINGS_CHANGED}

    @property
    def is_of_build(self) -> bool:
        """True if CircleCI can be asked for the build that it is of."""
        return self not in {EventKind.SETTINGS_CHANGED, EventKind.PING}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project at the source. The slug is opaque and case-sensitive.

    default_branch   where a post tells it; kept with the tracks, so None in an event read back
    """

    id: str | None = None
    slug: str | None = None
    name: str | None = None
    default_branch: str | None = field(default=None, compare=False)


@lru_cache(maxsize=10_000)  # pure, and asked for each of a thousand rows
def slug_spellings(slug: str) -> tuple[str, ...]:
    """Return every spelling of a project slug, the short one first.

    ``gh/`` is ``github/`` and ``bb/`` is ``bitbucket/``. Slugs of the GitHub App and of GitLab, ``circleci/...``, are
    made of two ids, which stand there in 22 letters or as UUIDs; webhooks have the letters. Any other slug has one
    spelling.
    """
    for short, long in (("gh/", "github/"), ("bb/", "bitbucket/")):
        if slug.startswith((short, long)):
            rest = slug.partition("/")[2]
            return (short + rest, long + rest)
    return opaque_spellings(slug)


def posted_slug(slug: str) -> str:
    """Return the spelling of a project's slug that webhooks have."""
    first, *others = slug_spellings(slug)
    return others[-1] if others and not first.startswith(OPAQUE) else first


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One run of a project's configuration.

    definition_id   of CircleCI's pipeline definition, of which a project may have several; None: the post names none
    """

    id: str | None = None
    number: int | None = None
    definition_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A group of jobs of a pipeline; its status is known once it has completed.

    created_at, stopped_at   as the post says; kept with the run, so None in an event read back without one
    auto_rerun_number        1 or more for CircleCI's automatic rerun, 0 for any other run; None: it was not asked
    max_auto_reruns          the number of automatic reruns that are allowed; None: none, or it was not asked
    is_setup                 True if it only sets up the workflows after it; None: it was not asked
    """

    id: str | None = None
    name: str | None = None
    status: str | None = None
    url: str | None = None
    created_at: datetime | None = field(default=None, compare=False)
    stopped_at: datetime | None = field(default=None, compare=False)
    auto_rerun_number: int | None = None
    max_auto_reruns: int | None = None
    is_setup: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a workflow."""

    id: str | None = None
    name: str | None = None
    number: int | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The commit that was built, as far as the source says; ``url`` is its web page."""

    subject: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The person or robot that started a workflow.

    A webhook has the ``id`` at most; ``login`` and ``name`` are asked of the source.
    """

    id: str | None = None
    login: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """The pull request that a branch belongs to; ``url`` is its web page."""

    number: int | None = None
    url: str | None = None

    @property
    def is_known(self) -> bool:
        """True if there is one."""
        return self.number is not None or self.url is not None


@dataclass(frozen=True, kw_only=True)
class Event:
    """The fact that a delivery carries, in our words. Its id is its delivery's id.

    status        the workflow's for a workflow event, the job's for a job event; an open set
    trigger       the reason why the pipeline ran (``webhook``, ``api``, ``schedule``, ...); an open set
    duration_ms   of the workflow or the job, with all waiting; None when the source did not say
    queue_ms      of a workflow: from its creation to the start of its first job; None: it was not asked, or none began
    run           of a workflow event: its run as judged; None before it is judged
    facts         of its run, those that routes ask for; None where none does
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
    queue_ms: int | None = None
    pull_request: PullRequest = PullRequest()
    run: RunState | None = None
    facts: RunFacts | None = None

    @property
    def project_name(self) -> str | None:
        """Return the project's name with its organization, such as ``acme/web``.

        A name with a slash in it has its organization already. The slug is the last resort: some slugs are codes.
        """
        name = self.project.name
        if name and self.org and "/" not in name:
            return f"{self.org}/{name}"
        return name or self.project.slug

    @property
    def ends_hold(self) -> bool:
        """True if it tells that a workflow waits no more for an approval."""
        return self.kind is EventKind.WORKFLOW_HELD and self.status != "on_hold"

    @property
    def run_ms(self) -> int | None:
        """Return the time that it ran, without its wait in the queue; None: not known."""
        if self.kind is not EventKind.WORKFLOW_COMPLETED:
            return self.duration_ms
        if self.duration_ms is None or self.queue_ms is None:
            return None
        return max(0, self.duration_ms - self.queue_ms)

    @property
    def is_of_default_branch(self) -> bool:
        """True if it is of the default branch of its project, as far as that is known."""
        if self.run is not None:
            return self.run.is_of_default_branch
        return self.branch in default_branches(None, self.project.default_branch)

    @property
    def is_scheduled(self) -> bool:
        """True if a schedule started the pipeline: webhooks and API spell it differently."""
        return self.trigger in {"schedule", "scheduled_pipeline"}
