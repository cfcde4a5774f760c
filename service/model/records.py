"""What we decided and did, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.model.story import Block


class Verdict(StrEnum):
    """What a route said of an event."""

    MATCHED = "matched"  # it leads to notifications
    ALREADY_TOLD = "already_told"  # it matched, and all its channels know already
    NOT_MATCHED = "not_matched"
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
    DEAD = "dead"  # its attempts ran out, or another would not help: waits for a person
    DISMISSED = "dismissed"  # a person dealt with it by other means


@dataclass(frozen=True, kw_only=True)
class Notification:
    """An event that one channel must hear of; unique for each topic and channel.

    attempts     how many were begun
    give_up_at   no attempt is planned after this time
    reason       why the last attempt did not work
    sent_at      when the channel first took it: it stays, whatever becomes of sending it again
    title, words what was last sent: the message's title and text, for the record
    server_lane  the lane that all channels of one mail server share; None: the channel has one of its own
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
    title: str | None = None
    words: str | None = None
    server_lane: str | None = None

    @property
    def lane(self) -> str:
        """The name of the lane in which it is sent."""
        return self.server_lane or self.channel_key

    @property
    def is_unfinished(self) -> bool:
        """There will be an attempt, or one is under way."""
        return self.state in {NotificationState.PENDING, NotificationState.SENDING}

    @property
    def was_sent(self) -> bool:
        """People have it, even when a later resend did not work."""
        return self.sent_at is not None


class Outcome(StrEnum):
    """How an attempt ended."""

    SENDING = "sending"  # not yet
    SENT = "sent"
    PUT_OFF = "put_off"  # did not work; there will be another
    DEAD = "dead"  # did not work; there will be no other
    INTERRUPTED = "interrupted"  # we were stopped in the middle: people may have got it


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at sending a notification; ``receipt`` is the channel's proof that it accepted.

    title, words   what was said, when that was something new: None repeats what was said before, or said nothing
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
    """A title in its parts: ``acme/web``, ``branch main`` and ``build-and-test failed``."""

    project: str
    place: str
    news: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """A notification in words: the same story in three forms, each with outside text escaped for its target.

    title      plain text, one line
    headline   the title in its parts; None for a message about no build
    subject    what it is about, the same for each run of a workflow on one branch or tag; empty for no build
    severity   ``success``, ``failure``, ``warning`` or ``info``: for channels that show a color
    story      what it is made of: a channel with little room leaves out what matters least
    url, page  where the logs are, and our page about it
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


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something an operator did: ``replay`` of a delivery, ``resend`` of a notification, ``dismiss`` of either.

    reason   why, if they said so
    """

    verb: str
    subject_id: UUID
    who: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser's stay on the pages: from a login to the logout, or to its expiry.

    id        a digest of what the browser's cookie holds: the row alone is no credential
    address   the client's, as the login came from it
    """

    id: UUID
    begun_at: datetime
    expires_at: datetime
    address: str | None


@dataclass(frozen=True, kw_only=True)
class QueuedJob:
    """Work of our own that is due at a time: what to do, and the id of the row that knows the rest.

    lane   jobs of one lane run one after the other; None runs beside anything
    """

    id: int
    kind: str
    subject_id: UUID
    lane: str | None
    run_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """Work to be handed to Procrastinate, but for the id of its subject.

    kind   also the queue it waits in
    task   the name of the task that does it, which gets ``arguments`` and the ``subject_id``
    lock   jobs of one lock run one after the other, those with ``is_first`` before the others
    """

    kind: str
    task: str
    arguments: Mapping[str, str]
    lock: str | None = None
    is_first: bool = False
    run_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How much is due, and for how long the oldest of it has been."""

    depth: int
    oldest_age_s: float
