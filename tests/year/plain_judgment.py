"""Tests judged one at a time, in the plainest way: each row is read for each test, and asked all that is asked."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from typing import Any

from sqlalchemy import select

from service.db.tables import Transaction, events, runs, test_days, test_results, tests, tracks
from service.operations.test_history.judged_tests import SLOW_MS, TIMES_AGE
from service.routing import flakes
from service.routing.flakes import TestResult
from service.store.runs.tracks import StoredTrack, to_stored

Places = Mapping[int, StoredTrack]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """What is said of a test.

    facts   runs, fails, contradicted fails, rate, flip rate; of the last 90 days, but for the flip rate
    """

    name: str
    states: tuple[str, ...]
    facts: tuple[float | None, ...]
    results: Sequence[TestResult]
    fails_in_a_row: Sequence[TestResult]
    failing_on: Sequence[str | None]
    mean_ms: float | None


def judge_plainly(transaction: Transaction, now: datetime, branch: str | None = None) -> dict[int, Plain]:
    """Return the tests that have a result in 90 days on a branch, or on any, by their ids."""
    found = {}
    places = {row["id"]: to_stored(row) for row in transaction.execute(select(tracks)).mappings()}
    for test in transaction.execute(select(tests).where(tests.c.name != "")).mappings().all():
        by_track = _results(transaction, test["id"], now, branch, places)
        own = [one.at for some in by_track.values() for one in some if one.is_own]
        if own and max(own) >= now - flakes.RATE_AGE:
            found[test["id"]] = _judge(transaction, test, by_track, now, places)
    return found


@dataclass(frozen=True, kw_only=True)
class _Result(TestResult):
    is_own: bool


def _results(
    transaction: Transaction, test_id: int, now: datetime, branch: str | None, places: Places
) -> Mapping[int, list[_Result]]:
    wanted = (
        select(test_results, tracks.c.branch)
        .join(tracks, tracks.c.id == test_results.c.track_id)
        .where(test_results.c.test_id == test_id, test_results.c.at >= now - flakes.RESULTS_AGE)
    )
    own = [row for row in transaction.execute(wanted).mappings() if branch in {None, row["branch"]}]
    recorded = {row["run_id"] for row in own}
    by_track: dict[int, list[_Result]] = defaultdict(list)
    for row in own:
        by_track[row["track_id"]].append(_result(places, row, row["at"], row["run_id"], failed=row["failed"]))
    for track_id, some in by_track.items():
        greens = (
            select(runs.c.id, runs.c.track_id, runs.c.pipeline_number, runs.c.stopped_at, events.c.revision)
            .join(events, events.c.id == runs.c.event_id)
            .where(runs.c.track_id == track_id, runs.c.color == "green")
            .where(runs.c.stopped_at >= now - flakes.RESULTS_AGE)
        )
        for row in transaction.execute(greens).mappings():
            if row["id"] not in recorded:
                some.append(_result(places, row, row["stopped_at"], row["id"]))
    return by_track


def _result(places: Places, row: Any, at: datetime, run_id: Any, *, failed: bool | None = None) -> _Result:
    return _Result(
        at=at,
        revision=row["revision"],
        failed=bool(failed),
        is_default_branch=places[row["track_id"]].track.is_of_default_branch,
        place=(row["pipeline_number"] or 0, at, run_id),
        run_id=run_id,
        is_own=failed is not None,
    )


def _judge(
    transaction: Transaction, test: Any, by_track: Mapping[int, list[_Result]], now: datetime, places: Places
) -> Plain:
    every = sorted((one for some in by_track.values() for one in some), key=attrgetter("at", "place", "failed"))
    known = [one for one in every if one.at <= now]
    recent = [one for one in known if one.at >= now - flakes.RATE_AGE][-flakes.RATE_RUNS :]
    passed_at = {one.revision for one in known if not one.failed and one.revision}
    contradicted = sum(one.failed and one.revision in passed_at for one in recent)
    on_default = [one.failed for one in sorted(known, key=attrgetter("place", "failed")) if one.is_default_branch]
    rate, considered = flakes.flip_rate(on_default)
    is_flaky = (
        _is_contradicted(known, now)
        or flakes.flakes_by_rate(len(recent), contradicted)
        or flakes.is_listed_by_flips(on_default)
    )
    last = {track_id: _last_fails(some) for track_id, some in by_track.items()}
    failing = max(last.values(), key=lambda some: (bool(some), some[-1].at if some else None))
    was_green = any(len(last[track_id]) < len(some) for track_id, some in by_track.items() if last[track_id] == failing)
    mean_ms = _mean_ms(transaction, test["id"], now)
    states = {
        "new": len(failing) == 1 and was_green,
        "failing": bool(failing),
        "flaky": is_flaky,
        "slow": (mean_ms or 0) >= SLOW_MS,
    }
    return Plain(
        name=test["name"],
        states=tuple(name for name, holds in states.items() if holds) or ("passing",),
        facts=(
            len(recent),
            sum(one.failed for one in recent),
            contradicted,
            flakes.flake_rate(len(recent), contradicted),
            rate if considered >= flakes.MIN_FLIP_RUNS else None,
        ),
        results=[_bare(one) for one in every],
        fails_in_a_row=[_bare(one) for one in failing],
        failing_on=sorted((places[track_id].track.branch for track_id, some in last.items() if some), key=str),
        mean_ms=mean_ms,
    )


def _bare(one: TestResult) -> TestResult:
    names = ("at", "revision", "failed", "is_default_branch", "place", "run_id")
    return TestResult(**{name: getattr(one, name) for name in names})


def _is_contradicted(known: Sequence[TestResult], now: datetime) -> bool:
    """Return whether it is flaky by rule A, result upon result."""
    times = []
    for revision in {one.revision for one in known if one.revision}:
        some = [one for one in known if one.revision == revision]
        changes = [after.at for before, after in pairwise(some) if before.failed != after.failed]
        times += changes[:1]
    if not times:
        return False
    runs_since = sum(one.at > max(times) for one in known)
    return now - max(times) <= flakes.CONTRADICTION_AGE or runs_since < flakes.CONTRADICTION_RUNS


def _last_fails(results: Sequence[_Result]) -> list[_Result]:
    fails: list[_Result] = []
    for one in sorted(results, key=attrgetter("place", "failed")):
        fails = [*fails, one] if one.failed else []
        if fails and any(other.place == one.place and not other.failed for other in results):
            fails = []  # one run has both: the pass counts
    return fails


def _mean_ms(transaction: Transaction, test_id: int, now: datetime) -> float | None:
    wanted = select(test_days).where(test_days.c.test_id == test_id, test_days.c.day >= f"{now - TIMES_AGE:%Y-%m-%d}")
    days = transaction.execute(wanted).mappings().all()
    runs_of = sum(day["passes"] + day["fails"] for day in days)
    return float(sum(day["total_ms"] for day in days)) / runs_of if runs_of else None
