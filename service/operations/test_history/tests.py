"""Tests that failed: list them by state, and show one with its results."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import slug_spellings
from service.operations.json_shapes import Json, coverage_json, rfc3339
from service.operations.queries import require_limit
from service.operations.test_history.judged_tests import ListedTest, TestFacts, TestState, judge_tests
from service.routing.flakes import RATE_AGE
from service.store.rows import Row
from service.store.test_history import test_list
from service.store.test_history.test_coverage import coverage_of
from service.store.test_history.test_list import TestFilter, TestKey

STRIDE = 200  # tests that are judged at a time
MAX_STRIDES = 5  # for one page: then it ends early, and names the next one
NOT_OURS = "cursor is not one of ours: take it from the page before"
MAX_FLAKY_STRIDES = 10  # the list of flaky ones is judged as a whole, since it goes by what is judged
MAX_RESULTS = 20


ASKED = (TestState.FAILING, TestState.NEW, TestState.FLAKY, TestState.SLOW)
"""The states to ask for; a new test is failing too."""


@dataclass(frozen=True, kw_only=True)
class TestSearch:
    """The tests that were asked for; ``state`` None: of any state."""

    wanted: TestFilter
    state: TestState | None = None

    __test__ = False


class Judged(Protocol):
    """A judged test.

    A protocol because a test that a page keeps has less than one of a list, and its module imports this one.
    """

    @property
    def states(self) -> tuple[TestState, ...]:
        """Return its states."""


TestT = TypeVar("TestT", bound=Judged)


@dataclass(frozen=True, kw_only=True)
class Judging(Generic[TestT]):
    """A way to judge tests by their rows, to order flaky ones, and to list them."""

    judge: Callable[[TestFacts, Sequence[Row], TestFilter], Sequence[TestT | None]]
    order: Callable[[TestT], tuple[float, float, int]]
    shape: Callable[[TestT], Json]


@dataclass(frozen=True, kw_only=True)
class FoundTests(Generic[TestT]):
    """A page of tests; ``left_out`` counts those that were not looked at."""

    items: Sequence[TestT]
    next: str | None = None
    left_out: int = 0

    __test__ = False


def list_tests(  # noqa: PLR0913 - the page asked for, and the way to judge it
    transaction: Transaction,
    now: datetime,
    search: TestSearch,
    judging: Judging[TestT],
    *,
    limit: int = 50,
    cursor: str | None = None,
) -> Json:
    """Return one page of tests, the latest to fail first; flaky ones by flip rate.

    The shape is ``{"items": [...], "next": cursor or None, "coverage": ..., "left_out": ...}``. A page may have fewer
    items than the limit, and a next one: few tests in the list are in the state. Raises BadRequest.
    """
    found = find_judged(transaction, now, search, judging, limit=limit, cursor=cursor)
    return {
        "items": [judging.shape(one) for one in found.items],
        "next": found.next,
        "coverage": coverage_json(coverage_of(transaction, search.wanted, since=now - RATE_AGE)),
        "left_out": found.left_out,
    }


def find_judged(  # noqa: PLR0913 - a page of a search, and the way to judge
    transaction: Transaction,
    now: datetime,
    search: TestSearch,
    judging: Judging[TestT],
    *,
    limit: int,
    cursor: str | None,
) -> FoundTests[TestT]:
    """Return one page of tests, judged in this way. Raises BadRequest."""
    require_limit(limit)
    wanted, state = search.wanted, search.state
    if state is TestState.FLAKY:
        return _find_flaky(transaction, now, wanted, judging, limit=limit, cursor=cursor)
    beyond = _to_key(cursor) if cursor else None
    items: list[TestT] = []
    facts = TestFacts(transaction, now)
    for _ in range(MAX_STRIDES):
        rows = test_list.candidates(transaction, wanted, beyond=beyond, limit=STRIDE)
        for row, judged in zip(rows, judging.judge(facts, rows, wanted), strict=True):
            beyond = TestKey(last_failed_at=row["last_failed_at"], id=row["id"])
            if judged is not None and (state is None or state in judged.states):
                items.append(judged)
            if len(items) == limit and row is not rows[-1]:
                return FoundTests(items=items, next=_to_cursor(beyond))
        if len(rows) < STRIDE:
            return FoundTests(items=items)
        if len(items) >= limit:
            break
    return FoundTests(items=items, next=_to_cursor(beyond) if beyond else None)


def _find_flaky(  # noqa: PLR0913 - the page asked for, and the way to judge it
    transaction: Transaction,
    now: datetime,
    wanted: TestFilter,
    judging: Judging[TestT],
    *,
    limit: int,
    cursor: str | None,
) -> FoundTests[TestT]:
    """Return one page of the flaky list, the tests that flip most often first.

    It is made of the tests that failed lately; ``left_out`` counts those that were not looked at.
    """
    beyond = _to_place(cursor) if cursor else None
    found, rest = all_flaky(transaction, now, wanted, judging)
    left = [one for one in found if beyond is None or judging.order(one) > beyond]
    following = _write_cursor(judging.order(left[limit - 1])) if len(left) > limit else None
    return FoundTests(items=left[:limit], next=following, left_out=rest)


def all_flaky(  # noqa: PLR0913 - the page asked for, and the way to judge it
    transaction: Transaction,
    now: datetime,
    wanted: TestFilter,
    judging: Judging[TestT],
    *,
    stride: int = STRIDE,
    strides: int = MAX_FLAKY_STRIDES,
) -> tuple[list[TestT], int]:
    """Return the flaky tests in the order of their list, and the number not looked at."""
    found: list[TestT] = []
    beyond: TestKey | None = None
    facts, since = TestFacts(transaction, now), now - RATE_AGE
    for _ in range(strides):
        rows = test_list.candidates(transaction, wanted, beyond=beyond, limit=stride)
        judged = judging.judge(facts, rows, wanted)
        found += [one for one in judged if one is not None and TestState.FLAKY in one.states]
        if len(rows) < stride or rows[-1]["last_failed_at"] < since:
            return sorted(found, key=judging.order), 0
        beyond = TestKey(last_failed_at=rows[-1]["last_failed_at"], id=rows[-1]["id"])
    rest = test_list.count_beyond(transaction, wanted, beyond=beyond, since=since) if beyond else 0
    return sorted(found, key=judging.order), rest


def flaky_order(test: ListedTest) -> tuple[float, float, int]:
    """Return the place of a test in the list of flaky ones."""
    return (*test.flakiness.order, test.row["id"])


def show_tests(transaction: Transaction, now: datetime, wanted: TestFilter) -> Json:
    """Return the tests of a name, each with its last results. Raises NotFound."""
    rows = test_list.candidates(transaction, wanted, beyond=None, limit=STRIDE)
    judged = [one for one in judge_tests(TestFacts(transaction, now), rows, wanted) if one is not None]
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
        "project_name": row["project_name"] or row["project_slug"],
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
LISTED = Judging(judge=judge_tests, order=flaky_order, shape=test_json)
"""Tests that are judged anew."""


def _evidence(test: ListedTest) -> str | None:
    if test.flakiness.evidence:
        return test.flakiness.evidence
    fails = len(test.fails_in_a_row)
    if TestState.FLAKY in test.states and test.flakiness.flips:
        return test.flakiness.flips
    if not fails:
        return None
    since = f"{test.fails_in_a_row[0].at:%Y-%m-%d %H:%M} UTC"
    return (
        f"it failed in its last run, at {since}" if fails == 1 else f"it failed in its last {fails} runs, since {since}"
    )


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
