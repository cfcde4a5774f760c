"""Match keys of the runs of workflows, known once these are judged."""

import re
from collections.abc import Iterable
from dataclasses import replace

from service.errors import BadRequest
from service.model import Color, Event, EventKind, RunState, Transition, color_of
from service.routing.match_key import Fact, MatchKey, require_value, to_fact
from service.routing.tracks import alone_transition

TRANSITIONS = tuple(one.value for one in Transition if one is not Transition.NONE)


def _transition(event: Event) -> Fact:
    """Return the transition of a workflow's run.

    Before the run is judged, it is taken to stand alone. One that is no flake any more broke, for those who did not
    hear of flakes.
    """
    if event.kind is not EventKind.WORKFLOW_COMPLETED:
        return to_fact(None)
    transition = event.run.transition if event.run else alone_transition(color_of(event.status))
    if transition is Transition.STILL_BROKEN and event.facts and event.facts.is_turned:
        return to_fact(transition, Transition.BROKE)
    return to_fact(None if transition is Transition.NONE else transition)


def _streak(event: Event) -> Fact:
    """Return the number of reds in a row that a run is part of, or ended."""
    if event.kind is not EventKind.WORKFLOW_COMPLETED:
        return to_fact(None)
    streak = event.run.streak if event.run else int(color_of(event.status) is Color.RED)
    return Fact(str(streak), (str(streak),), float(streak)) if streak else to_fact(None)


def _put_streak(event: Event, streak: str | None) -> Event:
    """Set the streak of a run that is red. Raises BadRequest for no whole number."""
    if streak is not None and not re.fullmatch(r"\d{1,9}", streak):
        raise BadRequest(f"{streak!a} is not a streak; write the number of red runs in a row, such as 3")
    red = _put_transition(event, Transition.STILL_BROKEN if int(streak or 0) > 1 else Transition.BROKE)
    return replace(red, run=replace(red.run, streak=int(streak or 0))) if red.run else red


def _put_transition(event: Event, transition: str | None) -> Event:
    """Set the transition. Raises BadRequest for a word that is none."""
    require_value("transition", transition, TRANSITIONS)
    color = color_of(event.status)
    run = event.run or RunState(run_id=event.id, event_id=event.id, track_id=0, color=color, transition=Transition.NONE)
    return replace(event, run=replace(run, transition=Transition(transition or Transition.NONE)))


RUN_KEYS: Iterable[MatchKey] = (
    MatchKey(
        name="transition",
        sentence="the run's effect on its branch: `broke`, `still_broken`, `fixed` or `passed`; without it a route "
        "hears what broke and was fixed, unless it matches everything or by `status`, `tag`, `duration`, `slower`, "
        "`queue` or `event: job-completed`: such a route hears every run that fits",
        read=_transition,
        put=_put_transition,
        values=TRANSITIONS,
        is_judged=True,
    ),
    MatchKey(
        name="streak",
        sentence='the number of red runs in a row, such as `">= 3"`: the first red that fits is told as broke, and '
        "what was told is told when it is fixed",
        read=_streak,
        put=_put_streak,
        units=("",),
        is_judged=True,
    ),
)
