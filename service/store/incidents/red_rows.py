"""The failures of red runs in few words, and the figures of tests of weeks."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, exists, func, or_, select

from service.db.columns import is_any
from service.db.tables import Transaction, details, runs, test_results, tests
from service.model import Color, TestCoverage, slug_spellings

_FAILURES = (  # built once: that takes longer than to run it
    select(test_results.c.run_id, tests.c.job, func.count().label("failed"), func.min(tests.c.name).label("first"))
    .join(tests, tests.c.id == test_results.c.test_id)
    .where(is_any(test_results.c.run_id, "run_ids"), test_results.c.failed)
    .group_by(test_results.c.run_id, tests.c.job)
    .order_by(func.count().desc(), tests.c.job)
)


@dataclass(frozen=True, kw_only=True)
class FailedJob:
    """A job of a red run, and its failed tests.

    test    the first of them by name; None: the job has no test results
    count   their number
    """

    job: str
    test: str | None
    count: int


def failures_of(transaction: Transaction, run_ids: Collection[UUID]) -> Mapping[UUID, Sequence[FailedJob]]:
    """Return the failed jobs of runs, those with most failed tests first.

    A run of which no result is on record is left out.
    """
    if not run_ids:
        return {}
    found: dict[UUID, list[FailedJob]] = defaultdict(list)
    for row in transaction.execute(_FAILURES, {"run_ids": list(run_ids)}):
        is_named = bool(row.first)
        found[row.run_id].append(FailedJob(job=row.job, test=row.first or None, count=row.failed if is_named else 0))
    return found


def flaked_tests(transaction: Transaction, *, since: datetime) -> Mapping[str, int]:
    """Return the number of tests that passed and failed at one revision, by project.

    A green run of the pipeline counts as a pass, also if its tests are not known.
    """
    fails, passes = test_results.alias("fails"), test_results.alias("passes")
    passed = exists().where(
        passes.c.test_id == fails.c.test_id, passes.c.revision == fails.c.revision, passes.c.failed.is_(False)
    )
    is_green = exists().where(
        runs.c.track_id == fails.c.track_id,
        runs.c.pipeline_number == fails.c.pipeline_number,
        runs.c.color == Color.GREEN,
    )
    flaked = select(fails.c.test_id).where(fails.c.at >= since, fails.c.failed, or_(passed, is_green))
    wanted = (
        select(tests.c.project_slug, func.count().label("flaked"))
        .where(tests.c.id.in_(flaked), tests.c.name != "", tests.c.project_slug.is_not(None))
        .group_by(tests.c.project_slug)
    )
    counts: dict[str, int] = defaultdict(int)
    for row in transaction.execute(wanted):
        counts[slug_spellings(row.project_slug)[0]] += row.flaked
    return counts


def coverage_by_track(transaction: Transaction, *, since: datetime) -> Mapping[int, TestCoverage]:
    """Return the coverage of tests of the red runs that ended since a time, by track."""
    wanted = (
        select(runs.c.track_id, func.count().label("reds"), func.sum(case((details.c.has_tests, 1), else_=0)))
        .outerjoin(details, details.c.event_id == runs.c.event_id)
        .where(runs.c.stopped_at >= since, runs.c.color == Color.RED)
        .group_by(runs.c.track_id)
    )
    return {row[0]: TestCoverage(red_runs=row[1], known=row[2] or 0) for row in transaction.execute(wanted)}
