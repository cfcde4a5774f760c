"""Tests that failed, judged by their results: new, failing, flaky, slow, passing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from uuid import UUID

from service.db.tables import Transaction
from service.routing.flakes import RATE_AGE, RESULTS_AGE, Flakiness, TestResult, judge_in_order
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


class TestFacts:
    """Facts that tests are judged by, read of each branch once.

    They are for one reader at one time. Tests of one workflow have results on the same branches: those of the next
    tests are mostly known by then.
    """

    __test__ = False

    def __init__(self, transaction: Transaction, now: datetime) -> None:
        self.transaction = transaction
        self.now = now
        self.since = now - RESULTS_AGE
        self._tracks: dict[int, StoredTrack] = {}
        self._greens: dict[int, list[tuple[int, TestResult]]] = {}

    def tracks(self, wanted: Collection[int]) -> Mapping[int, StoredTrack]:
        """Return tracks by their ids, and with them those that are known already."""
        if missing := set(wanted) - self._tracks.keys():
            self._tracks |= find_tracks(self.transaction, missing)
        return self._tracks

    def greens(self, wanted: Collection[int]) -> Mapping[int, Sequence[tuple[int, TestResult]]]:
        """Return green runs by track, each with the number of its run; known ones too."""
        if sum(map(len, self._greens.values())) > run_history.MAX_GREENS:
            self._greens = {}  # what is read again is the same, and memory has its limit
        if missing := set(wanted) - self._greens.keys():
            self._greens |= {track_id: [] for track_id in missing}
            for row in run_history.greens_of(self.transaction, missing, since=self.since):
                green = self.to_result(row, (row["stopped_at"], row["id"]), failed=False)
                self._greens[row["track_id"]].append((row["id"].int, green))
        return self._greens

    def to_result(self, row: Row, run: tuple[datetime, UUID], *, failed: bool) -> TestResult:
        """Return the result that a row is of; ``run`` is the end and the id of its run."""
        track_id = row["track_id"]
        return TestResult(
            at=run[0],
            revision=row["revision"],
            failed=failed,
            is_default_branch=track_id in self._tracks and self._tracks[track_id].track.is_of_default_branch,
            place=(row["pipeline_number"] or 0, *run),
            run_id=run[1],
        )


@dataclass(frozen=True, kw_only=True)
class Known:
    """Results of tests and what they are judged by, each kind read at once.

    results   by test, newest first
    made      a result made of each row, by the identity of the row, which ``results`` keeps: tests of a run share rows
    greens    the green runs by track, each with the number of its run, made once for all tests of it
    times     the mean times, by test
    """

    results: Mapping[int, Sequence[Row]]
    made: Mapping[int, TestResult]
    tracks: Mapping[int, StoredTrack]
    greens: Mapping[int, Sequence[tuple[int, TestResult]]]
    times: Mapping[int, float]


def judge_tests(facts: TestFacts, rows: Sequence[Row], wanted: TestFilter) -> list[ListedTest | None]:
    """Return the states of tests; None for one without results in 90 days there."""
    known = _read(facts, [row["id"] for row in rows])
    return [_judge(row, known, wanted, facts.now) for row in rows]


def _read(facts: TestFacts, test_ids: Sequence[int]) -> Known:
    found = test_results.results_of(facts.transaction, test_ids, since=facts.since)
    shared = {id(row): row for some in found.values() for row in some}
    track_ids = {row["track_id"] for row in shared.values()}
    tracks = facts.tracks(track_ids)
    return Known(
        results=found,
        made={
            key: facts.to_result(row, (row["at"], row["run_id"]), failed=row["failed"]) for key, row in shared.items()
        },
        tracks=tracks,
        greens=facts.greens(track_ids),
        times=test_list.mean_times(facts.transaction, list(found), since=facts.now - TIMES_AGE),
    )


def _judge(row: Row, known: Known, wanted: TestFilter, now: datetime) -> ListedTest | None:
    own = known.results.get(row["id"], ())
    if wanted.branch is not None:
        own = [result for result in own if _branch(known, result) == wanted.branch]
    if not own or own[0]["at"] < now - RATE_AGE:
        return None
    return _states(row, own, known, now=now)


def _branch(known: Known, result: Row) -> str | None:
    stored = known.tracks.get(result["track_id"])
    return stored.track.branch if stored else None


def _states(row: Row, own: Sequence[Row], known: Known, *, now: datetime) -> ListedTest:
    """Judge a test by its results; a green run of a track that has one is a pass."""
    recorded = {result["run_id"].int for result in own}  # numbers: an identifier is slow to look up
    track_ids = list(dict.fromkeys(result["track_id"] for result in own))
    greens = {
        track_id: [green for run, green in known.greens[track_id] if run not in recorded] for track_id in track_ids
    }
    results = [known.made[id(result)] for result in own]
    results = sorted(chain(results, *greens.values()), key=attrgetter("at", "place", "failed"))
    flakiness = judge_in_order(results, now)
    failed_on = _failed_on(own, known)
    judged = {one: _last_fails(failed_on[one], greens[one]) for one in track_ids if one in failed_on}
    stretches = {track_id: stretch for track_id, stretch in judged.items() if stretch[0]}
    failing, was_green = max(stretches.values(), key=lambda stretch: stretch[0][-1].at, default=([], True))
    mean_ms = known.times.get(row["id"])
    states = [TestState.NEW] if len(failing) == 1 and was_green else []
    states += [TestState.FAILING] if failing else []
    states += [TestState.FLAKY] if flakiness.is_listed else []
    states += [TestState.SLOW] if (mean_ms or 0) >= SLOW_MS else []
    failing_on = [known.tracks[one] for one in stretches if one in known.tracks]
    return ListedTest(
        row=row,
        flakiness=flakiness,
        states=tuple(states) or (TestState.PASSING,),
        fails_in_a_row=failing,
        results=results,
        failing_on=sorted(failing_on, key=lambda one: (not one.track.is_of_default_branch, one.track.branch or "")),
        mean_ms=mean_ms,
        tracks={one: known.tracks[one] for one in track_ids if one in known.tracks},
    )


def _failed_on(own: Sequence[Row], known: Known) -> Mapping[int, list[TestResult]]:
    """Return the own results of the tracks on which a test failed, by track."""
    by_track: dict[int, list[TestResult]] = {result["track_id"]: [] for result in own if result["failed"]}
    for result in own:
        if result["track_id"] in by_track:
            by_track[result["track_id"]].append(known.made[id(result)])
    return by_track


def _last_fails(own: Sequence[TestResult], greens: Sequence[TestResult]) -> tuple[list[TestResult], bool]:
    """Return the last fails of a track, oldest first, and whether a pass came before."""
    passed = max((one.place for one in chain(own, greens) if not one.failed), default=None)
    fails = [one for one in own if one.failed and (passed is None or one.place > passed)]
    return sorted(fails, key=attrgetter("place")), passed is not None
