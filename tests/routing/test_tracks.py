"""The transitions of runs of a track, by what stands before and beside them."""

from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest

from service.model import Closing, Color, Run, TrackState, Transition
from service.routing.tracks import judge_track, state_before, up_to_green
from tests.support.example_events import NOON

EXPIRY, MINUTE = timedelta(days=14), timedelta(minutes=1)
BROKE, STILL, FIXED, PASSED, NONE = Transition
COLORS = {"R": Color.RED, "G": Color.GREEN, "-": Color.GREY}


def a_run(written: str, place: int = 0) -> Run:
    """A run such as ``R7:0-5``: its color, pipeline and minutes; with an s it only set up others."""
    head, _, span = written.partition(":")
    begin, _, end = span.partition("-")
    color = COLORS[head[0]]
    return Run(
        id=UUID(int=place + 1),
        event_id=UUID(int=place + 1),
        track_id=1,
        pipeline_number=int(head[1:].removesuffix("s")),
        created_at=NOON + int(begin) * MINUTE,
        stopped_at=NOON + int(end) * MINUTE,
        color=color,
        setup_color=color if head.endswith("s") else None,
    )


@pytest.mark.parametrize(
    ("written", "transitions", "streaks"),
    [
        ("G1:0-1 G2:2-3", [PASSED, PASSED], [0, 0]),
        ("R1:0-1 R2:2-3 G3:4-5", [BROKE, STILL, FIXED], [1, 2, 2]),
        ("R1:0-1 -2:2-3 R3:4-5", [BROKE, NONE, STILL], [1, 0, 2]),
        ("-1:0-1 G1:0-1", [NONE, PASSED], [0, 0]),
        ("R1:0-5 G1:4-9", [BROKE, NONE], [1, 0]),  # side by side: red counts
        ("G1:0-5 R1:4-9 G1:9-12", [NONE, BROKE, NONE], [0, 1, 0]),
        ("R1:0-5 G1:6-9", [BROKE, FIXED], [1, 1]),  # a rerun
        ("R1:0-5 R1:4-9 G2:10-11", [BROKE, STILL, FIXED], [1, 2, 2]),
        ("G1s:0-1 R1:2-3", [NONE, BROKE], [0, 1]),  # it only set up the other
        ("G1s:0-1 G2:2-3", [PASSED, PASSED], [0, 0]),
        ("R1:0-1 G2s:2-3 R3:4-5", [BROKE, NONE, STILL], [1, 0, 2]),
    ],
)
def test_transitions_follow_from_the_order_of_the_track(
    written: str, transitions: list[Transition], streaks: list[int]
) -> None:
    runs = [a_run(one, place) for place, one in enumerate(written.split())]

    for some in permutations(runs):  # in whichever order the posts came
        judged = judge_track(some, TrackState(), expiry=EXPIRY)
        found = {one.run.id: one.run for one in judged.runs}
        assert [found[run.id].transition for run in runs] == transitions
        assert [found[run.id].streak for run in runs] == streaks
        assert judged.state.last_at == max(run.stopped_at for run in runs)


def test_last_end_of_a_track_is_the_latest_also_of_a_run_that_began_before() -> None:
    judged = judge_track([a_run("G1:0-90"), a_run("G2:1-2", 1)], TrackState(), expiry=EXPIRY)

    assert judged.state.last_at == NOON + 90 * MINUTE


@pytest.mark.parametrize(("over_s", "is_red"), [(0, True), (1, False)])
def test_red_track_is_no_longer_red_when_it_had_no_run_for_long(over_s: int, *, is_red: bool) -> None:
    expiry = 10 * MINUTE - timedelta(seconds=over_s)
    judged = judge_track([a_run("R1:0-1"), a_run("R2:8-11", 1)], TrackState(), expiry=expiry)

    assert judged.runs[1].run.transition is (STILL if is_red else BROKE)
    assert [one.closed_because for one in judged.stretches] == ([None] if is_red else [Closing.EXPIRED, None])
    assert judged.stretches[0].closed_at == (None if is_red else NOON + MINUTE + expiry)


@pytest.mark.parametrize(("green", "because"), [("G1:2-3", Closing.RERUN), ("G2:2-3", Closing.GREEN)])
def test_stretch_names_what_ended_it(green: str, because: Closing) -> None:
    judged = judge_track([a_run("R1:0-1"), a_run(green, 1)], TrackState(), expiry=EXPIRY)

    [stretch] = judged.stretches
    assert (stretch.closed_because, stretch.closed_at, judged.stretch) == (because, NOON + 3 * MINUTE, None)


def test_red_goes_on_where_the_first_reds_are_older_than_the_runs_at_hand() -> None:
    start = TrackState(color=Color.RED, streak=4, since=NOON, incident_id=UUID(int=9), last_at=NOON)

    judged = judge_track([a_run("R1:0-1")], start, expiry=EXPIRY)

    [one] = judged.runs
    assert (one.run.transition, one.run.streak) == (STILL, 5)
    assert (judged.stretches[0].continues, judged.state.since) == (UUID(int=9), NOON)


def test_state_before_runs_on_record_follows_from_the_first_that_tells() -> None:
    judged = judge_track([a_run("R1:0-1"), a_run("R2:2-3", 1), a_run("G3:4-5", 2)], TrackState(), expiry=EXPIRY)
    broke, still, fixed = (one.run for one in judged.runs)

    assert state_before([broke]) == state_before([]) == TrackState()
    assert (state_before([fixed, still]).color, state_before([fixed, still]).streak) == (Color.RED, 1)
    assert (state_before([fixed]).color, state_before([fixed]).streak) == (Color.RED, 2)


def test_runs_up_to_the_first_that_left_the_track_green() -> None:
    runs = [a_run("R1:0-1"), a_run("G2:2-3", 1), a_run("R2:4-5", 2), a_run("R3:6-7", 3)]
    judged = [one.run for one in judge_track(runs, TrackState(), expiry=EXPIRY).runs]

    assert [run.pipeline_number for run in up_to_green(judged, 2)] == [1, 2]
    assert up_to_green(judged, None) == judged
