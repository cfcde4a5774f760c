"""Tests that failed, judged by their results: new, failing, flaky, slow, passing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

from service.db.tables import Transaction
from service.routing.flakes import RATE_AGE, RESULTS_AGE, Flakiness, TestResult, judge_flakiness
from service.store.rows import Row
from service.store.runs import run_history
from service.store.runs.tracks import StoredTrack
from service.store.runs.tracks import find_all as find_tracks
from service.store.test_history import test_list, test_results
from service.store.test_history.test_list import TestFilter

SLOW_MS = 10_000  # the mean run time from which a test is slow
TIMES_AGE = timedelta(days=30)


class TestState(StrEnum):
    """The state of a test."""

    NEW = "new"  # it fails, and passed at the run before
    FAILING = "failing"  # it fails, and failed at the run before or nothing is known of it
    FLAKY = "flaky"
    SLOW = "slow"
    PASSING = "passing"

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class ListedTest:
    """A test with its states, the first of which is shown.

    results          of every branch, oldest first; a green run counts as a pass
    fails_in_a_row   on the track where it failed last
    failing_on       the tracks where it failed at the last run, those of default branches first
    mean_ms          its mean time of the last 30 days; None: not known
    tracks           those of its results
    """

    row: Row
    flakiness: Flakiness
    states: tuple[TestState, ...]
    fails_in_a_row: Sequence[TestResult]
    results: Sequence[TestResult] = ()
    failing_on: Sequence[StoredTrack] = ()
    mean_ms: float | None = None
    tracks: Mapping[int, StoredTrack] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Known:
    """Results of tests and what they are judged by, each kind read at once.

    results   by test
    defaults  the tracks of default branches, by their ids
    greens    the green runs by track, made once for all tests of it
    times     the mean times, by test
    """

    results: Mapping[int, Sequence[Row]]
    tracks: Mapping[int, StoredTrack]
    defaults: Collection[int]
    greens: Mapping[int, Sequence[TestResult]]
    times: Mapping[int, float]


def judge_tests(
    transaction: Transaction, rows: Sequence[Row], wanted: TestFilter, now: datetime
) -> list[ListedTest | None]:
    """Return the states of tests; None for one without results in 90 days there."""
    known = _read(transaction, [row["id"] for row in rows], now)
    return [_judge(row, known, wanted, now) for row in rows]


def _read(transaction: Transaction, test_ids: Sequence[int], now: datetime) -> Known:
    since = now - RESULTS_AGE
    found: dict[int, list[Row]] = defaultdict(list)
    for result in test_results.results_of(transaction, test_ids, since=since):
        found[result["test_id"]].append(result)
    tracks = {result["track_id"] for some in found.values() for result in some}
    stored = find_tracks(transaction, tracks)
    defaults = {track_id for track_id, one in stored.items() if one.track.is_of_default_branch}
    greens: dict[int, list[TestResult]] = defaultdict(list)
    for green in run_history.greens_of(transaction, tracks, since=since):
        greens[green["track_id"]].append(_green(green, is_default=green["track_id"] in defaults))
    return Known(
        results=found,
        tracks=stored,
        defaults=defaults,
        greens=greens,
        times=test_list.mean_times(transaction, list(found), since=now - TIMES_AGE),
    )


def _judge(row: Row, known: Known, wanted: TestFilter, now: datetime) -> ListedTest | None:
    own = known.results.get(row["id"], ())
    if wanted.branch is not None:
        own = [result for result in own if _branch(known, result) == wanted.branch]
    if not own or own[0]["at"] < now - RATE_AGE:
        return None
    return _states(row, _placed(own, known), known, now=now)


def _branch(known: Known, result: Row) -> str | None:
    stored = known.tracks.get(result["track_id"])
    return stored.track.branch if stored else None


def _placed(own: Sequence[Row], known: Known) -> Mapping[int, list[TestResult]]:
    """Return the results of a test by track; a green run counts as a pass."""
    recorded = {result["run_id"]: result["track_id"] for result in own}
    by_track: dict[int, list[TestResult]] = defaultdict(list)
    for result in own:
        by_track[result["track_id"]].append(_result(result, known, failed=result["failed"]))
    for track_id in set(recorded.values()):
        by_track[track_id] += [one for one in known.greens.get(track_id, ()) if one.run_id not in recorded]
    return by_track


def _states(row: Row, by_track: Mapping[int, list[TestResult]], known: Known, *, now: datetime) -> ListedTest:
    results = [result for some in by_track.values() for result in some]
    flakiness = judge_flakiness(results, now)
    stretches = {track_id: _last_fails(some) for track_id, some in by_track.items()}
    failing, was_green = max(
        stretches.values(), key=lambda stretch: (len(stretch[0]) > 0, stretch[0][-1:] and stretch[0][-1].at)
    )
    mean_ms = known.times.get(row["id"])
    states = [TestState.NEW] if len(failing) == 1 and was_green else []
    states += [TestState.FAILING] if failing else []
    states += [TestState.FLAKY] if flakiness.is_listed else []
    states += [TestState.SLOW] if (mean_ms or 0) >= SLOW_MS else []
    failing_on = [known.tracks[one] for one, (fails, _) in stretches.items() if fails and one in known.tracks]
    return ListedTest(
        row=row,
        flakiness=flakiness,
        states=tuple(states) or (TestState.PASSING,),
        fails_in_a_row=failing,
        results=sorted(results, key=attrgetter("at", "place", "failed")),
        failing_on=sorted(failing_on, key=lambda one: (not one.track.is_of_default_branch, one.track.branch or "")),
        mean_ms=mean_ms,
        tracks={one: known.tracks[one] for one in by_track if one in known.tracks},
    )


def _result(row: Row, known: Known, *, failed: bool) -> TestResult:
    is_default = row["track_id"] in known.defaults
    return _to_result(row, (row["at"], row["run_id"]), failed=failed, is_default=is_default)


def _green(row: Row, *, is_default: bool) -> TestResult:
    return _to_result(row, (row["stopped_at"], row["id"]), failed=False, is_default=is_default)


def _to_result(row: Row, run: tuple[datetime, UUID], *, failed: bool, is_default: bool) -> TestResult:
    """Return the result that a row is of; ``run`` is the end and the id of its run."""
    place = (row["pipeline_number"] or 0, *run)
    return TestResult(
        at=run[0], revision=row["revision"], failed=failed, is_default_branch=is_default, place=place, run_id=run[1]
    )


def _last_fails(results: Sequence[TestResult]) -> tuple[list[TestResult], bool]:
    """Return the last fails of a track, oldest first, and whether a pass came before."""
    ordered = sorted(results, key=attrgetter("place"), reverse=True)
    fails: list[TestResult] = []
    for result in ordered:
        if not result.failed:
            return fails[::-1], True
        fails.append(result)
    return fails[::-1], False
