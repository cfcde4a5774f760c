"""Usual durations of workflows in the time of a digest, and in the one before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from service.message.digest import SlowWorkflow, place_of
from service.model import Color, Event
from service.routing.durations import usual_duration


def durations_of(runs: Iterable[Event]) -> dict[str, list[int]]:
    """Return the durations of green runs by place, in milliseconds, in their order."""
    found: dict[str, list[int]] = defaultdict(list)
    for event in runs:
        if event.run is not None and event.run.color is Color.GREEN and event.duration_ms is not None:
            found[place_of(event)].append(event.duration_ms)
    return found


def usual_times(now: Mapping[str, Sequence[int]], before: Mapping[str, Sequence[int]]) -> list[SlowWorkflow]:
    """Return the workflows whose usual duration is known, the slowest first.

    now, before   the durations of green runs by place, in milliseconds, newest first
    """
    found = []
    for place, durations in now.items():
        usual, earlier = usual_duration(durations), usual_duration(before.get(place, ()))
        if usual is not None:
            before_ms = earlier.median_ms if earlier else None
            found.append(SlowWorkflow(place=place, usual_ms=usual.median_ms, runs=usual.runs, before_ms=before_ms))
    return sorted(found, key=lambda one: (-one.usual_ms, one.place))
