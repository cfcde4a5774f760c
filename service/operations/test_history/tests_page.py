"""The page of tests: what fails now, what is new, flaky or slow, from one reading."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from service.db.tables import Transaction
from service.operations.builds import circleci_says
from service.operations.json_shapes import Json, coverage_json, rfc3339
from service.operations.test_history.judged_tests import TestFacts, TestState
from service.operations.test_history.shown_tests import JudgedTests, ShownTest
from service.operations.test_history.tests import STRIDE, TestSearch, find_judged
from service.operations.unknown_projects import describe_unknown
from service.routing.flakes import RATE_AGE
from service.store.runs import run_history, track_search
from service.store.search import names
from service.store.test_history import test_list
from service.store.test_history.test_coverage import coverage_of
from service.store.test_history.test_list import TestFilter, TestKey

MAX_STRIDES = 3  # of tests: a page of more would take too long
CACHED_FOR = timedelta(seconds=20)
SHOWN = 10  # of each state, on the page of all
PAGE_SIZE = 50
SECTIONS = (TestState.FAILING, TestState.NEW, TestState.FLAKY, TestState.SLOW)
SLOWING_UNKNOWN = (
    "which tests become slower is not known: times are kept of tests that failed, and of a passing run only in the "
    "30 days after that"
)
NOT_KNOWN = (SLOWING_UNKNOWN,)
"""The facts that the page would show if they were on record."""


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """The tests that were looked at, and the number of those that were not."""

    tests: Sequence[ShownTest]
    left_out: int


class TestsCache:
    """The page of all states by its filter, for some seconds, and its judged tests.

    Many people keep the page open, and each event has it read again.
    """

    __test__ = False

    def __init__(self, judged: JudgedTests | None = None) -> None:
        self._read: dict[TestFilter, tuple[datetime, Json]] = {}
        self._judged = judged or JudgedTests()

    def read_state(self, transaction: Transaction, now: datetime, search: TestSearch, cursor: str | None) -> Json:
        """Return one page of the tests of a state. Raises BadRequest for a foreign cursor."""
        return read_state(transaction, now, search, cursor, judged=self._judged)

    def read(self, transaction: Transaction, now: datetime, wanted: TestFilter) -> Json:
        """Return what ``read_tests`` does, at most CACHED_FOR old."""
        at, page = self._read.get(wanted, (None, {}))
        if at is not None and timedelta() <= now - at < CACHED_FOR:
            return page
        page = read_tests(transaction, now, wanted, self._judged)
        self._read = {key: one for key, one in self._read.items() if now - one[0] < CACHED_FOR}
        self._read[wanted] = (now, page)
        return page


def read_tests(transaction: Transaction, now: datetime, wanted: TestFilter, judged: JudgedTests) -> Json:
    """Return the tests of each state, as many as the page of all shows.

    The shape: ``sections`` by state, each with its ``count`` and ``items``; ``left_out`` counts tests that failed
    earlier and were not looked at; ``circleci`` has those that CircleCI calls flaky, each with its state by ``ours``.
    A test may be in several states.
    """
    looked = _look(transaction, now, wanted, judged)
    sections = {state: _of_state(looked.tests, state) for state in SECTIONS}
    wasted = {one.id: one.wasted for some in sections.values() for one in some[:SHOWN]}
    costs = _costs(transaction, wasted)
    states = {(one.shape["project"], one.shape["job"], one.shape["name"]): _state_of(one) for one in looked.tests}
    return _frame(transaction, now, wanted) | {
        "circleci": circleci_says.flaky_tests(transaction, wanted.project, states),
        "left_out": looked.left_out,
        "sections": {
            str(state): {"count": len(some), "items": [one.shape | _cost_json(one, costs) for one in some[:SHOWN]]}
            for state, some in sections.items()
        },
    }


def read_state(
    transaction: Transaction, now: datetime, search: TestSearch, cursor: str | None, *, judged: JudgedTests
) -> Json:
    """Return one page of the tests of a state. Raises BadRequest for a foreign cursor."""
    found = find_judged(transaction, now, search, judged.judging, limit=PAGE_SIZE, cursor=cursor)
    items = found.items
    costs = _costs(transaction, {one.id: one.wasted for one in items})
    return _frame(transaction, now, search.wanted) | {
        "circleci": circleci_says.flaky_tests(transaction, search.wanted.project),
        "left_out": found.left_out,
        "items": [one.shape | _cost_json(one, costs) for one in items],
        "next": found.next,
    }


def _state_of(test: ShownTest) -> str:
    return str(TestState.FLAKY if TestState.FLAKY in test.states else test.states[0])


def _look(transaction: Transaction, now: datetime, wanted: TestFilter, judged: JudgedTests) -> _Looked:
    """Return the tests that failed in the last 90 days, as many as may be looked at."""
    found: list[ShownTest] = []
    beyond: TestKey | None = None
    facts, since = TestFacts(transaction, now), now - RATE_AGE
    for _ in range(MAX_STRIDES):
        rows = test_list.candidates(transaction, wanted, beyond=beyond, limit=STRIDE)
        found += [one for one in judged.judge(facts, rows, wanted) if one is not None]
        if len(rows) < STRIDE or rows[-1]["last_failed_at"] < since:
            return _Looked(tests=found, left_out=0)
        beyond = TestKey(last_failed_at=rows[-1]["last_failed_at"], id=rows[-1]["id"])
    rest = test_list.count_beyond(transaction, wanted, beyond=beyond, since=since) if beyond else 0
    return _Looked(tests=found, left_out=rest)


def _of_state(tests: Sequence[ShownTest], state: TestState) -> list[ShownTest]:
    """Return the tests of a state, those of default branches and of long first."""
    some = [one for one in tests if state in one.states]
    match state:
        case TestState.FLAKY:
            return sorted(some, key=lambda one: one.order)
        case TestState.SLOW:
            return sorted(some, key=lambda one: -one.mean_ms)
    return sorted(some, key=lambda one: (not one.is_failing_on_default, -one.fails_in_a_row))


def _frame(transaction: Transaction, now: datetime, wanted: TestFilter) -> Json:
    coverage = coverage_of(transaction, wanted, since=now - RATE_AGE)
    return {
        "as_of": rfc3339(now),
        "coverage": coverage_json(coverage),
        "not_known": list(NOT_KNOWN),
        "unknown": _unknown(transaction, wanted.project),
    }


def _unknown(transaction: Transaction, project: str | None) -> Json | None:
    """Return the sentence on a project without runs, and the names like it."""
    if project is None or track_search.find_projects(transaction, project):
        return None
    near = names.find_similar(transaction, "project", project)
    return {"sentence": describe_unknown("project", project, ()), "near": near}


def _cost_json(test: ShownTest, costs: Mapping[int, float]) -> Json:
    minutes = costs.get(test.id) if TestState.FLAKY in test.states else None
    return {"cost_minutes": None if minutes is None else round(minutes, 1)}


def _costs(transaction: Transaction, wasted: Mapping[int, Iterable[UUID]]) -> Mapping[int, float]:
    """Return the minutes of the runs that each test made red for nothing."""
    minutes = run_minutes(transaction, {run for some in wasted.values() for run in some})
    return {test_id: sum(minutes.get(run, 0.0) for run in some) for test_id, some in wasted.items()}


def run_minutes(transaction: Transaction, run_ids: Iterable[UUID]) -> Mapping[UUID, float]:
    """Return how long runs took, in minutes, of at most some thousands."""
    return run_history.minutes_of(transaction, list(islice(run_ids, run_history.MAX_TIMED)))
