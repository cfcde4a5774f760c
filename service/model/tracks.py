"""Runs of workflows, their tracks, and incidents: the stretches of red."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Color(StrEnum):
    """The color of a run: grey ones change nothing."""

    RED = "red"
    GREEN = "green"
    GREY = "grey"


RED_STATUSES = frozenset({"failed", "error"})


def color_of(status: str | None) -> Color:
    """Return the color of a completed workflow.

    Statuses that CircleCI adds later are grey.
    """
    if status == "success":
        return Color.GREEN
    return Color.RED if status in RED_STATUSES else Color.GREY


class Transition(StrEnum):
    """A run's effect on its track, by the order of the track."""

    BROKE = "broke"  # green or unknown to red
    STILL_BROKEN = "still_broken"  # red to red
    FIXED = "fixed"  # red to green
    PASSED = "passed"  # green or unknown to green
    NONE = "none"  # no effect: the run is grey, or stands beside a red one of its pipeline


USUAL_DEFAULTS = ("main", "master")
DEFAULT_EXPIRY = timedelta(days=14)
DEFAULT_BRANCH_EXPIRY = timedelta(days=30)


def default_branches(own: str | None, posted: str | None) -> tuple[str, ...]:
    """Return the default branch of a project; where it is not known, the usual ones.

    own     as ``projects:`` of roundsman.yaml names it, which counts before posts
    posted  as the project's posts tell it
    """
    known = own or posted
    return (known,) if known else USUAL_DEFAULTS


@dataclass(frozen=True, kw_only=True)
class Track:
    """The runs of one workflow on one branch of a project, which follow each other.

    branch          None: its runs are of tags or of no branch, and each stands alone
    definition_id   of the pipeline definition of its runs; "": they name none; None: not known, they are of a release
                    that did not read it
    posted_default  the default branch of the project, as posts tell it
    own_default     the same, as roundsman.yaml names it
    expire_s        seconds without a run after which a red is no longer red, as roundsman.yaml names them
    """

    id: int
    project_id: str | None
    project_slug: str | None
    project_name: str | None
    workflow: str | None
    branch: str | None
    definition_id: str | None = None
    posted_default: str | None = None
    own_default: str | None = None
    expire_s: int | None = None

    @property
    def is_ordered(self) -> bool:
        """True if its runs follow each other; else each stands alone."""
        return self.branch is not None

    @property
    def default_branches(self) -> tuple[str, ...]:
        """Return the default branch of its project, or the usual ones."""
        return default_branches(self.own_default, self.posted_default)

    @property
    def is_of_default_branch(self) -> bool:
        """True if it is of the default branch of its project."""
        return self.branch in self.default_branches

    @property
    def expiry(self) -> timedelta:
        """Return the time without a run after which it is no longer red."""
        if self.expire_s is not None:
            return timedelta(seconds=self.expire_s)
        return DEFAULT_BRANCH_EXPIRY if self.is_of_default_branch else DEFAULT_EXPIRY

    def is_silent(self, last_at: datetime | None, now: datetime) -> bool:
        """Return whether it had no run for so long that it is no longer red."""
        return last_at is not None and now > last_at + self.expiry


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run as judged: its place on its track, and its effect.

    run_id               CircleCI's id of the workflow
    event_id             the post that counts: the latest of the run
    transition           what it did to its track
    streak               reds in a row up to it; of a fixed one those that it ended; else 0
    since                the end of the first of these reds; None if there are none
    incident_id          the stretch of red that it is part of, or that it ended
    number_in_pipeline   the number among the runs of its name in its pipeline, from 1: more is a rerun
    is_late              True if it was judged after one that stands later on its track, which is no news
    is_of_default_branch  True if its track is of the default branch of its project
    color_before         the color that it was judged to have before; None: it is new
    """

    run_id: UUID
    event_id: UUID
    track_id: int
    color: Color
    transition: Transition
    streak: int = 0
    since: datetime | None = None
    incident_id: UUID | None = None
    number_in_pipeline: int = 1
    is_late: bool = False
    is_of_default_branch: bool = False
    color_before: Color | None = None

    @property
    def is_recolored(self) -> bool:
        """True if it was judged to have another color before."""
        return self.color_before not in {None, self.color}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of a workflow on its track.

    pipeline_number   None: it is not known, and the run stands alone
    setup_color       of a run that only sets up others: its color by its status, as it may be judged grey; else None
    transition        and the fields after it are as judged last; a late run may change them
    """

    id: UUID
    event_id: UUID
    track_id: int
    pipeline_number: int | None
    created_at: datetime
    stopped_at: datetime
    color: Color
    number_in_pipeline: int = 1
    setup_color: Color | None = None
    transition: Transition = Transition.NONE
    streak: int = 0
    incident_id: UUID | None = None
    is_late: bool = False

    @property
    def place(self) -> tuple[int, datetime, str]:
        """Return its place in the order of the track."""
        return (self.pipeline_number or 0, self.created_at, str(self.id))

    def state(self, since: datetime | None, track: Track | None) -> RunState:
        """Return the run as events carry it.

        since   the end of the first red of its incident
        """
        return RunState(
            run_id=self.id,
            event_id=self.event_id,
            track_id=self.track_id,
            color=self.color,
            transition=self.transition,
            streak=self.streak,
            since=since,
            incident_id=self.incident_id,
            number_in_pipeline=self.number_in_pipeline,
            is_late=self.is_late,
            is_of_default_branch=track is not None and track.is_of_default_branch,
        )


@dataclass(frozen=True, kw_only=True)
class TrackState:
    """The state of a track after a run of it.

    color     red or green; None while it is unknown: before the first run, and after an incident expired
    streak    reds in a row; ``since`` is the end of the first of them
    last_at   the end of the latest run of any color
    """

    color: Color | None = None
    streak: int = 0
    since: datetime | None = None
    incident_id: UUID | None = None
    last_at: datetime | None = None


class Closing(StrEnum):
    """The reason why an incident was closed."""

    GREEN = "green"  # a later pipeline passed
    RERUN = "rerun"  # a rerun of the same pipeline passed
    EXPIRED = "expired"  # its track had no run for long, or its branch is gone


class IncidentClass(StrEnum):
    """A person's or a rule's opinion on the cause of an incident."""

    NEW = "new"
    FLAKY = "flaky"
    INFRASTRUCTURE = "infrastructure"
    KNOWN_PROBLEM = "known_problem"
    EXPECTED = "expected"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The person who has an incident.

    until        a red after this time starts reminders again; None: it is theirs until it closes
    fingerprint  of the incident when it was taken: another one starts reminders again; None: not known then
    """

    by: str
    at: datetime
    until: datetime | None = None
    note: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One stretch of red on a track.

    opened_at    the end of the first red run
    opened_by    that run's id; ``last_red`` is the newest one's, ``closed_by`` the green one's
    streak       the number of red runs
    muted_until  no message of it is sent until then; the year 9999: until it is fixed
    merged_into  the incident that it became part of when a late run changed its borders; its own id: later posts of its
                 runs said that none was red
    """

    id: UUID
    track_id: int
    opened_at: datetime
    opened_by: UUID
    last_red: UUID
    streak: int
    closed_at: datetime | None = None
    closed_by: UUID | None = None
    closed_because: Closing | None = None
    fingerprint: str | None = None
    taken: Taken | None = None
    klass: IncidentClass | None = None
    class_by: str | None = None
    fixed_by: str | None = None
    muted_until: datetime | None = None
    merged_into: UUID | None = None
    is_found_late: bool = False

    @property
    def is_open(self) -> bool:
        """True until a green run, an expiry or a merge ends it."""
        return self.closed_because is None and self.merged_into is None

    def is_muted(self, now: datetime) -> bool:
        """Return whether messages of it are held back now."""
        return self.muted_until is not None and self.muted_until > now
