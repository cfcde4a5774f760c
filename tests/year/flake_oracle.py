"""A second opinion on flaky tests: plain code that knows every result, also those that are never asked for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from tests.year.invented_runs import InventedRun


def has_shown(test: str, runs: Iterable[InventedRun], now: datetime) -> bool:
    """Return whether a test has shown that it is flaky, by one of the rules A, B and D.

    runs   of its project
    """
    of_test = [
        run
        for run in runs
        if run.teaches and run.stopped_at <= now and any(test in job.tests for job in run.jobs) and run.jobs
    ]
    of_test.sort(key=lambda run: run.stopped_at)
    return _contradicts(test, of_test, now) or _flips(test, of_test, now) or _by_rate(test, of_test, now)


def _both(test: str, runs: Iterable[InventedRun]) -> dict[str, datetime]:
    """Return the revisions at which it both passed and failed, each with the time from which that was so."""
    outcomes: dict[str, set[bool]] = defaultdict(set)
    found: dict[str, datetime] = {}
    for run in runs:
        outcomes[run.revision].add(test in run.failed)
        if len(outcomes[run.revision]) > 1:
            found.setdefault(run.revision, run.stopped_at)
    return found


def _contradicts(test: str, runs: Sequence[InventedRun], now: datetime) -> bool:
    last = max(_both(test, runs).values(), default=None)
    if last is None:
        return False
    return now - last <= timedelta(days=14) or sum(run.stopped_at > last for run in runs) < 100


def _flips(test: str, runs: Sequence[InventedRun], now: datetime) -> bool:
    of_main = [run for run in runs if run.branch == "main" and now - run.stopped_at <= timedelta(days=90)]
    of_main.sort(key=lambda run: (run.number, run.created_at))
    considered = list[bool]()
    for failed, group in groupby(test in run.failed for run in of_main):
        outcomes = list(group)
        if not (failed and len(outcomes) >= 3):
            considered += outcomes
    flips = sum(not before and after for before, after in pairwise(considered))
    return len(considered) >= 10 and flips / len(considered) >= 0.10


def _by_rate(test: str, runs: Sequence[InventedRun], now: datetime) -> bool:
    recent = [run for run in runs if now - run.stopped_at <= timedelta(days=90)][-500:]
    both = _both(test, runs)
    fails = sum(test in run.failed and run.revision in both for run in recent)
    if fails < 2:
        return False
    n, share, z = len(recent), fails / len(recent), 1.2816
    bound: float = share + z * z / (2 * n) - z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return bound / (1 + z * z / n) > 0.01
