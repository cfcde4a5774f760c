"""The flaky tests that failed in the time of a digest."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.message.digest import FlakyTest
from service.model import Event
from service.routing.flakes import RESULTS_AGE, Flakiness, TestResult, judge_flakiness
from service.store.reports import digest_rows
from service.store.rows import Row
from service.store.runs import run_history
from service.store.runs.tracks import find_all as find_tracks
from service.store.test_history import test_results

MIN_FAILS = 2


def flaky_tests(
    transaction: Transaction, since: datetime, until: datetime, *, fits: Callable[[Event], bool], limit: int
) -> list[FlakyTest]:
    """Return the flaky tests that failed in a time, in the order of the flaky list.

    One that failed only once in 90 days is left out: it may be chance.

    fits    whether the event of the last failing run is one of the digest's
    limit   failed tests that are looked at
    """
    found = [
        one
        for tests in digest_rows.walk_failed_tests(transaction, since, until, limit=limit)
        for one in _flaky_of(transaction, tests, since, until, fits=fits)
    ]
    return [test for _, test in sorted(found, key=lambda one: (one[0].order, one[1].place, one[1].name))]


def _flaky_of(
    transaction: Transaction,
    tests: Sequence[Row],
    since: datetime,
    until: datetime,
    *,
    fits: Callable[[Event], bool],
) -> Iterator[tuple[Flakiness, FlakyTest]]:
    """Yield those of some tests that are flaky."""
    found = test_results.results_of(transaction, [test["id"] for test in tests], since=until - RESULTS_AGE)
    results = {test_id: [row for row in some if row["at"] < until] for test_id, some in found.items()}
    last_fails = {test_id: fail for test_id, some in results.items() if (fail := _last_fail(some, since)) is not None}
    events = digest_rows.events_of_runs(transaction, set(last_fails.values()))
    wanted = [test for test in tests if (event := events.get(last_fails.get(test["id"]))) and fits(event)]
    tracks = {row["track_id"] for test in wanted for row in results[test["id"]]}
    stored = find_tracks(transaction, tracks)
    defaults = {track_id for track_id, one in stored.items() if one.track.is_of_default_branch}
    greens = [
        row
        for row in run_history.greens_of(transaction, tracks, since=until - RESULTS_AGE)
        if row["stopped_at"] < until
    ]
    for test in wanted:
        judged = judge_flakiness(_placed(results[test["id"]], greens, defaults), until)
        if judged.is_listed and judged.fails >= MIN_FAILS:
            yield judged, _flaky(test, judged, events[last_fails[test["id"]]])


def _last_fail(rows: Sequence[Row], since: datetime) -> UUID | None:
    """Return the last run in which a test failed, if that is not before the time."""
    fails = [row for row in rows if row["failed"] and row["at"] >= since]
    return max(fails, key=lambda row: row["at"])["run_id"] if fails else None


def _placed(rows: Sequence[Row], greens: Sequence[Row], defaults: Collection[int]) -> list[TestResult]:
    """Return the results of a test; a green run of its tracks counts as a pass."""
    recorded = {row["run_id"] for row in rows}
    tracks = {row["track_id"] for row in rows}
    results = [(row, row["run_id"], row["at"], bool(row["failed"])) for row in rows]
    results += [
        (row, row["id"], row["stopped_at"], False)
        for row in greens
        if row["track_id"] in tracks and row["id"] not in recorded
    ]
    return [
        TestResult(
            at=at,
            revision=row["revision"],
            failed=failed,
            is_default_branch=row["track_id"] in defaults,
            place=(row["pipeline_number"] or 0, at, run_id),
        )
        for row, run_id, at, failed in results
    ]


def _flaky(test: Row, judged: Flakiness, last: Event) -> FlakyTest:
    return FlakyTest(
        place=str(last.project_name or "a project"),
        job=str(test["job"]),
        name=str(test["name"]),
        fails=judged.fails,
        runs=judged.runs,
        evidence=judged.evidence or judged.flips,
        url=last.workflow.url,
    )
