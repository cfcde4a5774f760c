"""The plan of an event: its verdicts, and the notifications that come of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.model import Details, Event, Notification, Transition, Verdict

MATCHED = frozenset({Verdict.MATCHED, Verdict.ALREADY_TOLD})


@dataclass(frozen=True, kw_only=True)
class PendingDecision:
    """An event to decide on.

    event       as the delivery says it; ``details`` are added to it
    max_delay   its messages wait for more details, but no longer than this
    at          the time at which it is decided on, in a simulation; None: now
    """

    event: Event
    details: Details | None
    max_delay: timedelta
    at: datetime | None = None

    @classmethod
    def of_past(cls, event: Event, details: Details | None) -> "PendingDecision":
        """Return that of an event on record, of which no message waits."""
        return cls(event=event, details=details, max_delay=timedelta())


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The verdicts of the routes on an event, by position, and their consequences.

    remarks         what a reason says of channels, by the route's position
    notifications   the new ones
    earlier         those that channels of matched routes have about the same news already
    dropped         those that waited, and that this news took the place of
    held            new ones that no one hears of unless it still counts when a silence or quiet hours end
    """

    pending: PendingDecision
    verdicts: dict[int, Verdict]
    remarks: dict[int, tuple[str, ...]] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    earlier: list[Notification] = field(default_factory=list)
    dropped: list[Notification] = field(default_factory=list)
    held: list[Notification] = field(default_factory=list)

    @property
    def event(self) -> Event:
        """Return the event with its details."""
        return self.pending.event

    @property
    def any_matched(self) -> bool:
        """True if a route matched, also if all its channels hear of this already."""
        return not MATCHED.isdisjoint(self.verdicts.values())

    @property
    def may_end_waits(self) -> bool:
        """True if news that wait for a rerun may end with the run of the event."""
        return self.event.run is not None and self.event.run.transition in {Transition.STILL_BROKEN, Transition.FIXED}
