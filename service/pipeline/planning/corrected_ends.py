"""Tell the end of a red that was corrected to those who were told of it.

Such a run fixes nothing: its track just turns out to be green. But who was told that it is red is told that it is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from service.db.tables import Transaction
from service.model import Channel, Color, NotificationState, Route, RunState, Transition
from service.pipeline.context import Context
from service.routing.decide import hears_ends
from service.routing.news import COLORS, REMINDERS
from service.store.notifications import told, told_news

NEWS_OF_RED = REMINDERS | {news for news, color in COLORS.items() if color is Color.RED}
ENDS = frozenset({Transition.PASSED})
UNFINISHED = frozenset({NotificationState.PENDING, NotificationState.SENDING})
OWED = "was told that it is red, so it hears of the end"


@dataclass(frozen=True, kw_only=True)
class OwedEnd:
    """A channel that is to be told that a track is no longer red.

    route        by which it was told that it is; None: that route is gone
    incident_id  of that message
    """

    channel: Channel
    route: Route | None
    route_name: str
    receiver: str
    incident_id: UUID | None


class Planner(Protocol):
    """The plan of one event, as far as ends are concerned.

    A protocol because the plan itself, which imports this module, is made in another.
    """

    @property
    def ended(self) -> RunState | None:
        """Return the run if its track is green after it; None for a late one too."""
        ...

    @property
    def planned_for(self) -> frozenset[str]:
        """Return the keys of the channels that hear of the run already."""
        ...

    def tell_end(self, owed: OwedEnd) -> None:
        """Plan that a channel is told of the end."""
        ...


def ended(run: RunState | None) -> RunState | None:
    """Return a run if its track is green after it; None if not."""
    return run if run is not None and run.transition in ENDS and not run.is_late else None


def plan_ends(transaction: Transaction, context: Context, planners: Sequence[Planner]) -> None:
    """Plan the ends that are owed to channels after these events."""
    green: Mapping[Planner, RunState] = {planner: run for planner in planners if (run := planner.ended)}
    reds = told.red_channels(transaction, {run.track_id for run in green.values()}) if green else {}
    for planner, run in green.items():
        for channel_key in sorted(reds.get(run.track_id, frozenset()) - planner.planned_for):
            channel = context.channel(channel_key)
            if channel is not None:
                _plan_end(transaction, context, planner, track_id=run.track_id, channel=channel)


def _plan_end(transaction: Transaction, context: Context, planner: Planner, *, track_id: int, channel: Channel) -> None:
    last = told_news.find_last(transaction, track_id, channel)
    if last is not None and last.state in UNFINISHED:
        return
    route = context.route(last.route) if last else None
    if last is None or last.news not in NEWS_OF_RED or not (route is None or hears_ends(route)):
        told.forget_channel(transaction, track_id, channel.key)  # it does not ask for ends: the next red is news again
        return
    planner.tell_end(
        OwedEnd(
            channel=channel,
            route=route,
            route_name=last.route,
            receiver=last.receiver,
            incident_id=last.incident_id,
        )
    )


def remarks(routes: Sequence[Route], owed: Iterable[OwedEnd]) -> dict[int, str]:
    """Return what the decisions of routes say of the ends that are told, by position."""
    positions = {route.name: position for position, route in enumerate(routes)}
    labels: dict[int, list[str]] = {}
    for one in owed:
        if one.route_name in positions:
            labels.setdefault(positions[one.route_name], []).append(one.channel.label)
    return {position: f"{', '.join(some)} {OWED}" for position, some in labels.items()}
