"""Tests that failed: list them by state, and show one with its results."""

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import slug_spellings
from service.operations.json_shapes import Json, coverage_json, rfc3339
from service.operations.queries import require_limit
from service.routing.flakes import RATE_AGE, RESULTS_AGE, Flakiness, TestResult, judge_flakiness
from service.store import run_history, test_list, test_results
from service.store.rows import Row
from service.store.test_coverage import coverage_of
from service.store.test_list import TestFilter, TestKey
from service.store.tracks import find_all as find_tracks

SLOW_MS = 10_000  # the mean run time from which a test is slow
STRIDE = 200  # tests that are judged at a time
MAX_STRIDES = 5  # for one page: then it ends early, and names the next one
NOT_OURS = "cursor is not one of ours: take it from the page before"
MAX_FLAKY_STRIDES = 10  # the list of flaky ones is judged as a whole, since it goes by what is judged
MAX_RESULTS = 20


class TestState(StrEnum):
    """The state of a test."""

    NEW = "new"  # it fails, and passed at the run before
    FAILING = "failing"  # it fails, and failed at the run before or nothing is known of it
    FLAKY = "flaky"
    SLOW = "slow"
    PASSING = "passing"

    __test__ = False


ASKED = (TestState.FAILING, TestState.NEW, TestState.FLAKY, TestState.SLOW)
"""The states to ask for; a new test is failing too."""


@dataclass(frozen=True, kw_only=True)
class TestSearch:
    """The tests that were asked for; ``state`` None: of any state."""

    wanted: TestFilter
    state: TestState | None = None

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class ListedTest:
    """A test with its states, the first of which is shown."""

    row: Row
    flakiness: Flakiness
    states: tuple[TestState, ...]
    fails_in_a_row: Sequence[TestResult]


def list_tests(
    transaction: Transaction,
    now: datetime,
    search: TestSearch,
    *,
    limit: int = 50,
    cursor: str | None = None,
) -> Json:
    """Return one page of tests, the latest to fail first; flaky ones by flip rate.

    The shape is ``{"items": [...], "next": cursor or None, "coverage": ..., "left_out": ...}``. A page may have fewer
    items than the limit, and a next one: few tests in the list are in the state. Raises BadRequest.
    """
    require_limit(limit)
    wanted, state = search.wanted, search.state
    if state is TestState.FLAKY:
        return _list_flaky(transaction, now, wanted, limit=limit, cursor=cursor)
    beyond = _to_key(cursor) if cursor else None
    items: list[Json] = []
    coverage = coverage_json(coverage_of(transaction, wanted, since=now - RATE_AGE))
    for _ in range(MAX_STRIDES):
        rows = test_list.candidates(transaction, wanted, beyond=beyond, limit=STRIDE)
        for row, judged in zip(rows, _judge(transaction, rows, wanted, now), strict=True):
            beyond = TestKey(last_failed_at=row["last_failed_at"], id=row["id"])
            if judged is not None and (state is None or state in judged.states):
                items.append(test_json(judged))
            if len(items) == limit and row is not rows[-1]:
                return _page(items, _to_cursor(beyond), coverage)
        if len(rows) < STRIDE:
            return _page(items, None, coverage)
        if len(items) >= limit:
            break
    return _page(items, _to_cursor(beyond) if beyond else None, coverage)


def _page(items: Sequence[Json], following: str | None, coverage: Json, *, left_out: int = 0) -> Json:
    return {"items": items, "next": following, "coverage": coverage, "left_out": left_out}


def _list_flaky(transaction: Transaction, now: datetime, wanted: TestFilter, *, limit: int, cursor: str | None) -> Json:
    """Return one page of the flaky list, the tests that flip most often first.

    It is made of the tests that failed lately; ``left_out`` counts those that were not looked at.
    """
    beyond = _to_place(cursor) if cursor else None
    found, rest = all_flaky(transaction, now, wanted)
    left = [one for one in found if beyond is None or _place_in_list(one) > beyond]
    following = _write_cursor(_place_in_list(left[limit - 1])) if len(left) > limit else None
    coverage = coverage_json(coverage_of(transaction, wanted, since=now - RATE_AGE))
    return _page([test_json(one) for one in left[:limit]], following, coverage, left_out=rest)


def all_flaky(
    transaction: Transaction,
    now: datetime,
    wanted: TestFilter,
    *,
    stride: int = STRIDE,
    strides: int = MAX_FLAKY_STRIDES,
) -> tuple[list[ListedTest], int]:
    """Return the flaky tests in the order of their list, and the number not looked at."""
    found: list[ListedTest] = []
    beyond: TestKey | None = None
    since = now - RATE_AGE
    for _ in range(strides):
        rows = test_list.candidates(transaction, wanted, beyond=beyond, limit=stride)
        judged = _judge(transaction, rows, wanted, now)
        found += [one for one in judged if one is not None and TestState.FLAKY in one.states]
        if len(rows) < stride or rows[-1]["last_failed_at"] < since:
            return sorted(found, key=_place_in_list), 0
        beyond = TestKey(last_failed_at=rows[-1]["last_failed_at"], id=rows[-1]["id"])
    rest = test_list.count_beyond(transaction, wanted, beyond=beyond, since=since) if beyond else 0
    return sorted(found, key=_place_in_list), rest


def _place_in_list(test: ListedTest) -> tuple[float, float, int]:
    return (*test.flakiness.order, test.row["id"])


def show_tests(transaction: Transaction, now: datetime, wanted: TestFilter) -> Json:
    """Return the tests of a name, each with its last results. Raises NotFound."""
    rows = test_list.candidates(transaction, wanted, beyond=None, limit=STRIDE)
    judged = [one for one in _judge(transaction, rows, wanted, now) if one is not None]
    if not judged:
        raise NotFound(f"no test of the name {wanted.name!a} has failed; names are in `roundsman tests list`")
    items = [test_json(one) | {"results": _results(transaction, one.row["id"])} for one in judged]
    return {"items": items, "coverage": coverage_json(coverage_of(transaction, wanted, since=now - RATE_AGE))}


def to_state(written: Sequence[str]) -> TestState | None:
    """Return the state that was asked for. Raises BadRequest."""
    if not written:
        return None
    if len(written) > 1 or written[0] not in list(ASKED):
        raise BadRequest(f"{written[-1]!a} is not a state to ask for; give one of {', '.join(ASKED)}")
    return TestState(written[0])


def test_json(test: ListedTest) -> Json:
    """Return the shape of a test."""
    row, flakiness = test.row, test.flakiness
    slug = row["project_slug"]
    return {
        "project": slug_spellings(slug)[0] if slug else row["project_name"],
        "job": row["job"],
        "name": row["name"],
        "class_name": row["class_name"],
        "file": row["file"],
        "state": test.states[0],
        "rate": round(flakiness.rate, 4),
        "flip_rate": None if flakiness.flip_rate is None else round(flakiness.flip_rate, 4),
        "runs": flakiness.runs,
        "fails": flakiness.fails,
        "first_failed_at": rfc3339(row["first_failed_at"]),
        "last_failed_at": rfc3339(row["last_failed_at"]),
        "evidence": _evidence(test),
    }


test_json.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def _evidence(test: ListedTest) -> str | None:
    if test.flakiness.evidence:
        return test.flakiness.evidence
    fails = len(test.fails_in_a_row)
    if TestState.FLAKY in test.states and test.flakiness.flips:
        return test.flakiness.flips
    if not fails:
        return None
    since = rfc3339(test.fails_in_a_row[0].at)
    return (
        f"it failed in its last run, at {since}" if fails == 1 else f"it failed in its last {fails} runs, since {since}"
    )


def _judge(transaction: Transaction, rows: Sequence[Row], wanted: TestFilter, now: datetime) -> list[ListedTest | None]:
    """Return the states of tests; None for one without results in 90 days there."""
    since = now - RESULTS_AGE
    found: dict[int, list[Row]] = defaultdict(list)
    for result in test_results.results_of(transaction, [row["id"] for row in rows], since=since):
        found[result["test_id"]].append(result)
    tracks = {result["track_id"] for some in found.values() for result in some}
    stored = find_tracks(transaction, tracks)
    branches = {track_id: one.track.branch for track_id, one in stored.items()}
    greens: dict[int, list[Row]] = defaultdict(list)
    for green in run_history.greens_of(transaction, tracks, since=since):
        greens[green["track_id"]].append(green)
    times = test_list.mean_times(transaction, list(found), since=now - timedelta(days=30))
    defaults = {track_id for track_id, one in stored.items() if one.track.is_of_default_branch}
    judged: list[ListedTest | None] = []
    for row in rows:
        own = found[row["id"]]
        if wanted.branch is not None:
            own = [result for result in own if branches.get(result["track_id"]) == wanted.branch]
        if not own or own[0]["at"] < now - RATE_AGE:
            judged.append(None)
            continue
        is_slow = times.get(row["id"], 0) >= SLOW_MS
        judged.append(_states(row, _placed(own, greens, defaults), now=now, is_slow=is_slow))
    return judged


def _placed(
    own: Sequence[Row], greens: Mapping[int, Sequence[Row]], defaults: Collection[int]
) -> Mapping[int, list[TestResult]]:
    """Return the results of a test by track; a green run counts as a pass."""
    recorded = {result["run_id"]: result["track_id"] for result in own}
    by_track: dict[int, list[TestResult]] = defaultdict(list)
    for result in own:
        by_track[result["track_id"]].append(_result(result, result["at"], result["run_id"], failed=result["failed"]))
    for track_id in set(recorded.values()):
        for green in greens.get(track_id, ()):
            if green["id"] not in recorded:
                by_track[track_id].append(_result(green, green["stopped_at"], green["id"], failed=False))
    return {
        track_id: [replace(one, is_default_branch=track_id in defaults) for one in results]
        for track_id, results in by_track.items()
    }


def _states(row: Row, by_track: Mapping[int, list[TestResult]], *, now: datetime, is_slow: bool) -> ListedTest:
    flakiness = judge_flakiness([result for some in by_track.values() for result in some], now)
    stretches = [_last_fails(results) for results in by_track.values()]
    failing, was_green = max(
        stretches, key=lambda stretch: (len(stretch[0]) > 0, stretch[0][-1:] and stretch[0][-1].at)
    )
    states = [TestState.NEW] if len(failing) == 1 and was_green else []
    states += [TestState.FAILING] if failing else []
    states += [TestState.FLAKY] if flakiness.is_listed else []
    states += [TestState.SLOW] if is_slow else []
    return ListedTest(
        row=row, flakiness=flakiness, states=tuple(states) or (TestState.PASSING,), fails_in_a_row=failing
    )


def _result(row: Row, at: datetime, run_id: UUID, *, failed: bool) -> TestResult:
    place = (row["pipeline_number"] or 0, at, run_id)
    return TestResult(at=at, revision=row["revision"], failed=failed, place=place)


def _last_fails(results: Sequence[TestResult]) -> tuple[list[TestResult], bool]:
    """Return the last fails of a track, oldest first, and whether a pass came before."""
    ordered = sorted(results, key=lambda result: result.place, reverse=True)
    fails: list[TestResult] = []
    for result in ordered:
        if not result.failed:
            return fails[::-1], True
        fails.append(result)
    return fails[::-1], False


def _results(transaction: Transaction, test_id: int) -> list[Json]:
    return [
        {
            "at": rfc3339(row["at"]),
            "result": "failed" if row["failed"] else "passed",
            "branch": row["branch"],
            "revision": row["revision"],
            "run": str(row["run_id"]),
        }
        for row in test_list.last_results(transaction, test_id, limit=MAX_RESULTS)
    ]


def _to_cursor(key: TestKey) -> str:
    return _write_cursor([key.last_failed_at.isoformat(), key.id])


def _write_cursor(place: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def _to_place(cursor: str) -> tuple[float, float, int]:
    try:
        flips, rate, test_id = _read_cursor(cursor)
        return (float(flips), float(rate), int(test_id))
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise BadRequest(NOT_OURS) from error


def _to_key(cursor: str) -> TestKey:
    try:
        at, test_id = _read_cursor(cursor)
        key = TestKey(last_failed_at=datetime.fromisoformat(at), id=int(test_id))
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadRequest(NOT_OURS) from error
    if key.last_failed_at.tzinfo is None or not 0 <= key.id < 2**31:
        raise BadRequest(NOT_OURS)
    return key
