"""Records of notifications, attempts and operators' actions, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.model.living import LivingMessage, Update
from service.model.people import Mention
from service.model.story import Block, Link
from service.model.users import CredentialKind


class NotificationState(StrEnum):
    """The state of a notification: pending, sending, sent, dead, dismissed or dropped."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"  # its attempts ran out, or another would not help: a dead letter, which waits for a person
    DISMISSED = "dismissed"  # a person dealt with it by other means
    DROPPED = "dropped"  # newer news took its place before it was sent, or made it pointless


class News(StrEnum):
    """The news in a notification."""

    RUN = "run"  # a run or job of a route that hears each of them
    BROKE = "broke"
    STILL_BROKEN = "still_broken"
    FIXED = "fixed"
    PASSED = "passed"
    REMINDER = "reminder"  # an incident is open still, and not taken
    ESCALATION = "escalation"  # the same, for others
    SUMMARY = "summary"  # of news that quiet hours or a burst held back
    DIGEST = "digest"
    OPERATOR = "operator"  # an alarm of Roundsman's own


class WaitsFor(StrEnum):
    """The reason why a pending notification is not sent before its time."""

    DETAILS = "details"  # of CircleCI
    RERUN = "rerun"  # CircleCI will rerun the workflow by itself
    GROUP = "group"  # of news of one kind
    HOURS = "hours"  # the end of quiet hours
    SILENCE = "silence"  # the end of an operator's silence
    MUTE = "mute"  # the end of a mute of its incident
    RETRY = "retry"  # the attempt before failed


@dataclass(frozen=True, kw_only=True)
class Notification:
    """News to be sent to one channel; unique for each topic and channel.

    event_id     the event that it is about; None: it is a digest, a summary or an alarm of Roundsman's own
    topic        the key of the news: two events with one topic are one piece of news
    attempts     the number of attempts begun
    give_up_at   no attempt is planned after this time
    reason       the reason why the last attempt failed
    sent_at      the time when the channel first accepted it; a later resend does not change it
    title, words the title and the text of the last message sent, for the record
    server_lane  the lane that all channels of one mail server share; None: the channel has one of its own
    track_id     the track that the news are of; None: the run or job stands alone
    waits_for    the reason why it is not sent before ``next_attempt_at``; None: it is its turn
    told_in      the notification whose message tells these news with others; None: they have a message of their own
    project_slug, project_name   of its event, by which it is found; None: it has none, or is about no event
    """

    id: UUID
    event_id: UUID | None
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
    title: str | None = None
    words: str | None = None
    server_lane: str | None = None
    news: News = News.RUN
    track_id: int | None = None
    incident_id: UUID | None = None
    waits_for: WaitsFor | None = None
    told_in: UUID | None = None
    project_slug: str | None = None
    project_name: str | None = None

    @property
    def lane(self) -> str:
        """Return the name of the lane in which it is sent."""
        return self.server_lane or self.channel_key

    @property
    def is_unfinished(self) -> bool:
        """True if an attempt is planned or under way."""
        return self.state in {NotificationState.PENDING, NotificationState.SENDING}

    @property
    def was_sent(self) -> bool:
        """True if the channel accepted it once, even if a later resend failed."""
        return self.sent_at is not None


class Outcome(StrEnum):
    """The result of an attempt."""

    SENDING = "sending"  # under way
    SENT = "sent"
    PUT_OFF = "put_off"  # it failed; another attempt is planned
    DEAD = "dead"  # it failed; no other attempt is planned
    INTERRUPTED = "interrupted"  # the process was stopped in the middle: the channel may have the message


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at sending a notification.

    receipt        the channel's proof that it accepted the message
    title, words   the message, if it differs from the one before; None: the same message again, or none was sent
    """

    notification_id: UUID
    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.SENDING
    reason: str | None = None
    receipt: str | None = None
    title: str | None = None
    words: str | None = None


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The parts of a title.

    Such as ``acme/web``, ``branch main`` and ``build-and-test failed``.
    """

    project: str
    place: str
    news: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """The text of a notification in three formats.

    Each format has the same content, with outside text escaped for its target.

    title      plain text, one line
    headline   the title in its parts; None for a message about no build
    subject    its topic, the same for each run of a workflow on one branch or tag; empty for no build
    severity   ``success``, ``failure``, ``warning`` or ``info``: for channels that show a color
    story      its blocks: a channel with little room leaves out the least important ones
    url, page  the address of the logs, and that of our page about it
    living     the living message that it belongs to, where the channel has those; ``update`` is what becomes of it
    news       the news that lead it
    mentions   the people whom it is for
    remark     a sentence for the record of its attempt: a template that failed; None: there is none
    buttons    links that it offers, where a channel shows them apart: the failed job, the changes ...
    incident   the id of the incident that it is about; None: of none
    """

    title: str
    text: str
    markdown: str
    html: str
    severity: str
    headline: Headline | None = None
    subject: str = ""
    story: tuple[Block, ...] = ()
    url: str | None = None
    page: str | None = None
    living: LivingMessage | None = None
    update: Update = Update.POST
    news: News = News.RUN
    buttons: tuple[Link, ...] = ()
    incident: UUID | None = None
    mentions: tuple[Mention, ...] = ()
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Action:
    """An act of an operator, on record.

    verb     ``replay`` of a delivery, ``resend`` of a notification, ``dismiss`` of either; ``take``, ``release``,
             ``classify``, ``mute`` of an incident; ``silence``, ``expire``
    reason   the operator's words; None if there are none
    """

    verb: str
    subject_id: UUID
    who: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser's access to the pages, from a login to the logout or the expiry.

    id           a digest of the browser's cookie: the row alone is no credential
    address      the address of the client that logged in
    user         the name that is recorded with what the user does
    kind         of the credential that began it
    groups       of the user, where another service told them
    user_agent   the browser's name for itself
    """

    id: UUID
    begun_at: datetime
    expires_at: datetime
    address: str | None
    user: str = "admin"
    kind: CredentialKind = CredentialKind.ADMIN_TOKEN
    groups: tuple[str, ...] = ()
    user_agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class QueuedJob:
    """A piece of background work of our own, in the queue.

    kind         the work to do
    subject_id   the id of the delivery, event or notification to do it for
    lane         jobs of one lane run one after the other; a job without a lane runs beside any other
    run_at       the time when it is due
    """

    id: int
    kind: str
    subject_id: UUID
    lane: str | None
    run_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A queue job to be added to Procrastinate's table, without the id of its subject.

    kind   also the name of Procrastinate's queue
    task   the name of the task that does it, which gets ``arguments`` and the ``subject_id``
    lock   jobs of one lock run one after the other
    """

    kind: str
    task: str
    arguments: Mapping[str, str]
    lock: str | None = None
    run_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LaneHead:
    """The first of the messages that wait in a lane.

    due_at     the time from which on it may be sent
    opens_at   the time at which the closed lane opens; None if it is open
    """

    subject_id: UUID
    due_at: datetime
    opens_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The amount of work that is due, and for how long the oldest has been due."""

    depth: int
    oldest_age_s: float

    def __add__(self, other: "Backlog") -> "Backlog":
        """Return the backlog of both together."""
        return Backlog(depth=self.depth + other.depth, oldest_age_s=max(self.oldest_age_s, other.oldest_age_s))
