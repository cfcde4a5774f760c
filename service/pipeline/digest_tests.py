"""The flaky tests that failed in the time of a digest."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.message.digest import FlakyTest
from service.model import Event
from service.routing.flakes import RESULTS_AGE, TestResult, judge_flakiness
from service.store import digest_rows, run_history, test_results
from service.store.rows import Row
from service.store.tracks import find_all as find_tracks

MIN_FAILS = 2


def flaky_tests(
    transaction: Transaction, since: datetime, until: datetime, *, fits: Callable[[Event], bool]
) -> list[FlakyTest]:
    """Return the flaky tests that failed in a time, the most often failing first.

    One that failed only once in 90 days is left out: it may be chance.

    fits   whether the event of the last failing run is one of the digest's
    """
    tests = digest_rows.failed_tests(transaction, since, until)
    results: dict[int, list[Row]] = defaultdict(list)
    for row in test_results.results_of(transaction, [test["id"] for test in tests], since=until - RESULTS_AGE):
        if row["at"] < until:
            results[row["test_id"]].append(row)
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
    found = []
    for test in wanted:
        flaky = _flaky(test, _placed(results[test["id"]], greens, defaults), until, events[last_fails[test["id"]]])
        found += [flaky] if flaky else []
    return sorted(found, key=lambda one: (-one.fails / one.runs, one.place, one.name))


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
            place=(row["pipeline_number"] or 0, f"{at.isoformat()} {run_id}"),
        )
        for row, run_id, at, failed in results
    ]


def _flaky(test: Row, results: Sequence[TestResult], now: datetime, last: Event) -> FlakyTest | None:
    judged = judge_flakiness(results, now)
    if not judged.is_listed or judged.fails < MIN_FAILS:
        return None
    return FlakyTest(
        place=str(last.project_name or "a project"),
        job=str(test["job"]),
        name=str(test["name"]),
        fails=judged.fails,
        runs=judged.runs,
        evidence=judged.evidence,
        url=last.workflow.url,
    )
