"""Records of the decisions on an event: verdicts, and what their reasons need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag, StrEnum
from uuid import UUID

from service.model.details import DetailKind
from service.model.events import Event
from service.model.routes import RoutesVersion
from service.model.run_facts import RunFacts
from service.model.tracks import Transition


class Verdict(StrEnum):
    """The result of testing an event against a route."""

    MATCHED = "matched"  # it leads to notifications
    ALREADY_TOLD = "already_told"  # it matched, and all its channels have a notification of it already
    NOT_MATCHED = "not_matched"
    PRECEDED = "preceded"  # an earlier route matched, and does not continue
    # the others matched too, but it is no news:
    LATE = "late"  # the run is older than one that was judged before
    NO_NEWS = "no_news"  # its channels know: they were told that it broke, or were never told
    MUTED = "muted"  # a person muted the incident
    SILENCED = "silenced"  # an operator's silence fits the event


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The verdict of one route on an event, with its reason.

    position        the route's position in roundsman.yaml, from 0
    verdict         as it was recorded; it is never worked out anew
    reason          words for a person who asks why a message came, or did not come
    verdict_today   the verdict that this release would give, if it is another one than the recorded one
    """

    position: int
    route: str
    receiver: str
    verdict: Verdict
    reason: str
    verdict_today: Verdict | None = None


class AbsentFacts(IntFlag):
    """The facts that an event lacked at its judgment and that may come later."""

    NONE = 0
    LOGIN = 1
    NAME = 2
    BRANCH = 4
    TAG = 8
    PULL_REQUEST = 16
    QUEUE = 32


@dataclass(frozen=True, kw_only=True)
class JudgedState:
    """The state of a run at a judgment: late runs may change it afterwards."""

    transition: Transition
    streak: int
    is_late: bool


@dataclass(frozen=True, kw_only=True)
class JudgmentNotes:
    """The parts of reasons that do not follow from event and routes.

    remarks   for the position of a matched route: channels that hear already, or that are left out
    unknown   why a detail could not be had, by its kind
    event     the event as judged, where a later replay changed more than absent facts
    texts     route, receiver and reason in words, for each position: what an earlier release recorded
    facts     those of the run that routes asked for; None where none did
    """

    remarks: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    unknown: Mapping[DetailKind, tuple[str, ...]] = field(default_factory=dict)
    event: Event | None = None
    texts: tuple[tuple[str, str, str], ...] = ()
    facts: RunFacts | None = None


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """The verdicts of all routes on an event in one round: each replay is a round.

    round      from 1
    verdicts   by the routes' positions; those that did not match are left out
    version    the routes of that time; None where an earlier release recorded texts instead
    is_told    a channel has a notification of it, or had one about the same news
    run        the state of its run at that time; None for a job
    """

    event_id: UUID
    round: int
    decided_at: datetime
    verdicts: Mapping[int, Verdict]
    version: RoutesVersion | None
    is_told: bool = False
    absent: AbsentFacts = AbsentFacts.NONE
    notes: JudgmentNotes = JudgmentNotes()
    run: JudgedState | None = None
