"""Judged tests as the page of tests shows them, kept until their results change."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from threading import Lock
from uuid import UUID

from service.operations.json_shapes import Json, rfc3339
from service.operations.test_history.judged_tests import ListedTest, TestFacts, TestState, judge_tests
from service.operations.test_history.tests import Judging, flaky_order, test_json
from service.routing.flakes import RATE_AGE, TestResult
from service.store.rows import Row
from service.store.runs.tracks import StoredTrack
from service.store.test_history import test_list
from service.store.test_history.test_list import TestFilter

MARKS = 20
KEPT_FOR = timedelta(minutes=10)
"""The time until a test is judged again though nothing changed: its rates are of the last 90 days."""
MAX_KEPT = 5_000


@dataclass(frozen=True, kw_only=True)
class ShownTest:
    """A judged test without its results, of which there may be a thousand.

    listed   as the API lists it
    shape    as the page shows it, but for the cost
    order    its place among the flaky ones
    wasted   the runs that it made red for nothing, if it is flaky
    """

    id: int
    states: tuple[TestState, ...]
    listed: Json
    shape: Json
    order: tuple[float, float, int]
    mean_ms: float
    fails_in_a_row: int
    is_failing_on_default: bool
    wasted: frozenset[UUID]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A test as it was judged, and the rows on which it depends.

    values   of its own row, and the number of its results
    test     None: it has no result that counts
    """

    at: datetime
    values: tuple[object, ...]
    tracks: Mapping[int, StoredTrack]
    test: ShownTest | None


class JudgedTests:
    """The tests of pages and API, each judged when its results have changed.

    That is done once for all readers: those that come meanwhile wait, and find it judged.

    Another result of the test, or another run on a branch that it has results of, is a change. An older run that
    arrives late counts on after KEPT_FOR at the latest.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, int], _Kept] = {}
        self._turn = Lock()
        self.judging = Judging(judge=self.judge, order=attrgetter("order"), shape=attrgetter("listed"))

    def judge(self, facts: TestFacts, rows: Sequence[Row], wanted: TestFilter) -> list[ShownTest | None]:
        """Return tests as their rows are ordered; None without results in 90 days."""
        with self._turn:
            return self._judge(facts, rows, wanted)

    def _judge(self, facts: TestFacts, rows: Sequence[Row], wanted: TestFilter) -> list[ShownTest | None]:
        now, known = facts.now, {row["id"]: self._kept.get((wanted.branch, row["id"])) for row in rows}
        counts = test_list.count_results(facts.transaction, list(known))
        values = {row["id"]: (*row.values(), counts.get(row["id"], 0)) for row in rows}
        earlier = [kept for kept in known.values() if kept]
        changed = _find_changed(earlier, facts.tracks({one for kept in earlier for one in kept.tracks}))
        found = {
            test_id: kept
            for test_id, kept in known.items()
            if kept and kept.values == values[test_id] and _is_fresh(kept, changed, now)
        }
        stale = [row for row in rows if row["id"] not in found]
        judged = judge_tests(facts, stale, wanted) if stale else []
        for row, one in zip(stale, judged, strict=True):
            shown = to_shown(one, now) if one else None
            found[row["id"]] = _Kept(at=now, values=values[row["id"]], tracks=one.tracks if one else {}, test=shown)
        self._forget_beyond(MAX_KEPT - len(found))
        self._kept |= {(wanted.branch, test_id): kept for test_id, kept in found.items()}
        return [found[row["id"]].test for row in rows]

    def _forget_beyond(self, limit: int) -> None:
        """Forget all if there are more than these: judging again is always right."""
        if len(self._kept) > limit:
            self._kept = {}


def _find_changed(kept: Iterable[_Kept], tracks: Mapping[int, StoredTrack]) -> set[int]:
    """Return the ``id`` of each kept track that is not as it is now.

    Tests that were judged together share them, and each has hundreds on a long history: each is compared once.
    """
    every = {id(one): one for some in kept for one in some.tracks.values()}
    return {key for key, one in every.items() if tracks.get(one.track.id) != one}


def _is_fresh(kept: _Kept, changed: Collection[int], now: datetime) -> bool:
    """Return whether a test was judged lately, and its branches had no run since."""
    is_young = timedelta() <= now - kept.at < KEPT_FOR
    return is_young and not (changed and any(id(one) in changed for one in kept.tracks.values()))


def to_shown(test: ListedTest, now: datetime) -> ShownTest:
    """Return a judged test as the page shows it."""
    is_flaky = TestState.FLAKY in test.states
    return ShownTest(
        id=test.row["id"],
        states=test.states,
        listed=(listed := test_json(test)),
        shape=listed | _of_page(test),
        order=flaky_order(test),
        mean_ms=test.mean_ms or 0.0,
        fails_in_a_row=len(test.fails_in_a_row),
        is_failing_on_default=any(one.track.is_of_default_branch for one in test.failing_on),
        wasted=frozenset(wasted_runs(test, now) if is_flaky else ()),
    )


def _of_page(test: ListedTest) -> Json:
    """Return what the page adds to the shape of a test in the API."""
    return {
        "id": str(test.row["digest"]),
        "states": [str(one) for one in test.states],
        "last": marks_json(test),
        "red_and_green_at": contradicted_revision(test.results),
        "mean_ms": None if test.mean_ms is None else round(test.mean_ms),
        **failing_since(test),
        "failing_on": [failing_json(one) for one in test.failing_on],
    }


def failing_since(test: ListedTest) -> Json:
    """Return since when a test fails in a row, and in how many runs."""
    fails = test.fails_in_a_row
    return {"failing_since": rfc3339(fails[0].at) if fails else None, "failing_runs": len(fails)}


def failing_json(stored: StoredTrack) -> Json:
    """Return the shape of a branch on which a test fails."""
    track = stored.track
    return {"branch": track.branch, "workflow": track.workflow, "is_default": track.is_of_default_branch}


def marks_json(test: ListedTest) -> list[Json]:
    """Return the last results of a test, oldest first: those that its rates are of."""
    return [
        {"at": rfc3339(one.at), "result": "failed" if one.failed else "passed", "revision": one.revision}
        for one in test.results[-MARKS:]
    ]


def contradicted_revision(results: Sequence[TestResult]) -> str | None:
    """Return the newest revision at which a test both failed and passed, if any."""
    failed = {one.revision for one in results if one.failed and one.revision}
    passed = {one.revision for one in results if not one.failed and one.revision}
    both = failed & passed
    return next((one.revision for one in reversed(results) if one.revision in both), None)


def wasted_runs(test: ListedTest, now: datetime) -> set[UUID]:
    """Return the runs in which a test failed, while it passed at the same commit."""
    passed = {one.revision for one in test.results if not one.failed and one.revision}
    since = now - RATE_AGE
    return {
        one.run_id
        for one in test.results
        if one.failed and one.revision in passed and one.at >= since and one.run_id is not None
    }
