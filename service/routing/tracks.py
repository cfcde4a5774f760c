"""The transitions of the runs on a track, and its stretches of red. Pure.

Runs follow each other by pipeline number, then by the time at which they were created; the order in which posts arrive
does not matter. Runs of one name in one pipeline that overlap stand side by side, and count as red if one of them is.

A run that only sets up others says nothing where these are known: it is grey beside others of its pipeline, and if it
is green it ends no red of theirs. One that has its name for itself is a run like any other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from service.model import Closing, Color, Run, TrackState, Transition


@dataclass(kw_only=True)
class Stretch:
    """A stretch of red on a track: an incident without its name.

    continues   the incident that it goes on with, where its first reds are older than the runs at hand
    opened      its first red run; None if that one is older than the runs at hand
    """

    continues: UUID | None = None
    opened: Run | None = None
    opened_at: datetime | None = None
    reds: list[Run] = field(default_factory=list)
    streak: int = 0
    closed: Run | None = None
    closed_at: datetime | None = None
    closed_because: Closing | None = None


@dataclass(frozen=True, kw_only=True)
class JudgedRun:
    """A run with its transition, and the stretch of red that it is part of or ended."""

    run: Run
    stretch: Stretch | None


@dataclass(frozen=True, kw_only=True)
class JudgedTrack:
    """The runs at hand in order, and their stretches of red in order.

    state     after the last of them; ``stretch`` is the one that is open then
    """

    runs: Sequence[JudgedRun]
    stretches: Sequence[Stretch]
    state: TrackState
    stretch: Stretch | None


def judge_track(runs: Iterable[Run], start: TrackState, *, expiry: timedelta) -> JudgedTrack:
    """Return the transitions of runs of a track, in its order.

    start    the state before the first of them
    expiry   a red track without a run for this long is no longer red
    """
    judge = _Judge(start, expiry)
    for group in side_by_side(runs):
        judge.add(group)
    return JudgedTrack(runs=judge.judged, stretches=judge.stretches, state=judge.state, stretch=judge.open)


def judge_alone(runs: Iterable[Run]) -> list[Run]:
    """Return the transitions of runs that have no track: each stands alone."""
    return [
        replace(run, transition=alone_transition(run.color), streak=int(run.color is Color.RED))
        for group in by_pipeline(runs)
        for run in number_in_pipeline(group)
    ]


def alone_transition(color: Color) -> Transition:
    """Return the transition of a run that stands alone."""
    return {Color.RED: Transition.BROKE, Color.GREEN: Transition.PASSED, Color.GREY: Transition.NONE}[color]


def by_pipeline(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Yield the runs of each pipeline, both in order.

    Those of an unknown pipeline are yielded one by one.
    """
    group: list[Run] = []
    for run in sorted(runs, key=attrgetter("place")):
        if group and (run.pipeline_number is None or group[0].pipeline_number != run.pipeline_number):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def number_in_pipeline(group: Sequence[Run]) -> list[Run]:
    """Return the runs of one pipeline, each with its number.

    Those that only set up others are counted apart, and are grey beside these.
    """
    others = [run for run in group if run.setup_color is None]
    setups = [run for run in group if run.setup_color is not None]
    numbers = {run.id: number for some in (others, setups) for number, run in enumerate(some, start=1)}
    numbered = [
        run if run.number_in_pipeline == numbers[run.id] else replace(run, number_in_pipeline=numbers[run.id])
        for run in group
    ]
    return [
        replace(run, color=Color.GREY if others else run.setup_color) if run.setup_color else run for run in numbered
    ]


def side_by_side(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """Yield groups of runs in the order of the track.

    Those in a group overlap, in one pipeline. Grey runs, which change nothing, are groups of their own.
    """
    for pipeline in by_pipeline(runs):
        group: list[Run] = []
        for run in number_in_pipeline(pipeline):
            if group and run.created_at > max(one.stopped_at for one in group):
                yield group
                group = []
            if run.color is Color.GREY:
                yield [run]
            else:
                group.append(run)
        if group:
            yield group


class _Judge:
    """The state of a track while its runs are added in order."""

    def __init__(self, start: TrackState, expiry: timedelta) -> None:
        self.state = start
        self.judged: list[JudgedRun] = []
        self.stretches: list[Stretch] = []
        self.open: Stretch | None = None
        self._expiry = expiry
        self._last_red: Run | None = None
        if start.color is Color.RED:
            self._open(Stretch(continues=start.incident_id, opened_at=start.since, streak=start.streak))

    def add(self, group: Sequence[Run]) -> None:
        """Add runs that stand side by side."""
        self._expire(group[0].stopped_at)
        group = [replace(run, color=Color.GREY) if self._is_mere_setup(run) else run for run in group]
        is_red = any(run.color is Color.RED for run in group)
        for run in group:
            if run.color is Color.GREY or (is_red and run.color is Color.GREEN):
                self._judge(run, Transition.NONE, 0, None)
            elif run.color is Color.RED:
                self._add_red(run)
            else:
                self._add_green(run)
            last_at = max(run.stopped_at, self.state.last_at or run.stopped_at)
            self.state = replace(self.state, last_at=last_at)

    def _is_mere_setup(self, run: Run) -> bool:
        """Return whether a green run set up others, one of which is red still."""
        is_red = self.open is not None and any(red.setup_color is None for red in self.open.reds)
        return run.setup_color is Color.GREEN and is_red

    def _open(self, stretch: Stretch) -> Stretch:
        self.open = stretch
        self.stretches.append(stretch)
        return stretch

    def _add_red(self, run: Run) -> None:
        transition = Transition.STILL_BROKEN if self.open else Transition.BROKE
        stretch = self.open or self._open(Stretch(opened=run, opened_at=run.stopped_at))
        stretch.streak += 1
        self._last_red = run
        judged = self._judge(run, transition, stretch.streak, stretch)
        stretch.reds.append(judged)
        if stretch.opened is run:
            stretch.opened = judged
        self.state = replace(self.state, color=Color.RED, streak=stretch.streak, since=stretch.opened_at)

    def _add_green(self, run: Run) -> None:
        stretch = self.open
        if stretch is None:
            self._judge(run, Transition.PASSED, 0, None)
        else:
            judged = self._judge(run, Transition.FIXED, stretch.streak, stretch)
            is_rerun = self._last_red is not None and self._last_red.pipeline_number == run.pipeline_number
            stretch.closed, stretch.closed_at = judged, run.stopped_at
            stretch.closed_because = Closing.RERUN if is_rerun else Closing.GREEN
            self.open = None
        self.state = TrackState(color=Color.GREEN, last_at=self.state.last_at)

    def _judge(self, run: Run, transition: Transition, streak: int, stretch: Stretch | None) -> Run:
        judged = replace(run, transition=transition, streak=streak)
        self.judged.append(JudgedRun(run=judged, stretch=stretch))
        return judged

    def _expire(self, at: datetime) -> None:
        """Close the open stretch if the track had no run for long before this time."""
        last_at = self.state.last_at
        if self.open is None or last_at is None or at <= last_at + self._expiry:
            return
        self.open.closed_at, self.open.closed_because = last_at + self._expiry, Closing.EXPIRED
        self.open = None
        self.state = TrackState(last_at=last_at)


def state_before(recorded: Iterable[Run]) -> TrackState:
    """Return the state before runs on record, by the transition of the first.

    The runs before them may have been deleted.
    """
    telling = (run for run in recorded if run.transition is not Transition.NONE)
    first = min(telling, key=attrgetter("place"), default=None)
    if first is None or first.transition in {Transition.BROKE, Transition.PASSED}:
        return TrackState()
    streak = first.streak if first.transition is Transition.FIXED else first.streak - 1
    return TrackState(color=Color.RED, streak=streak, incident_id=first.incident_id)


def up_to_green(recorded: Sequence[Run], pipeline: int | None) -> list[Run]:
    """Return runs on record up to the first that left the track green.

    pipeline   the last one, in which it was green; None: the track's end, so that all are returned

    The runs after it, such as a red rerun, are of a stretch that need not be at hand as a whole.
    """
    greens = [
        run.place
        for run in recorded
        if run.pipeline_number == pipeline
        and run.transition in {Transition.PASSED, Transition.FIXED}
        and run.setup_color is None
    ]
    return [run for run in recorded if pipeline is None or run.place <= min(greens)]
