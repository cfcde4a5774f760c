"""The list of tests that failed, with the results that their states follow from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, or_, select, tuple_

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, runs, test_days, test_results, tests, tracks
from service.store.rows import Row
from service.store.runs import track_search

_PLACE = (tests.c.last_failed_at, tests.c.id)


@dataclass(frozen=True, kw_only=True)
class TestFilter:
    """The filter of a list of tests.

    project   its slug or name
    branch    of its results
    name      the name of the tests
    """

    project: str | None = None
    branch: str | None = None
    name: str | None = None

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class TestKey:
    """The place of a test in the list: the latest to fail comes first."""

    last_failed_at: datetime
    id: int

    __test__ = False


def candidates(transaction: Transaction, wanted: TestFilter, *, beyond: TestKey | None, limit: int) -> Sequence[Row]:
    """Return tests of a project with a name, the latest to fail first.

    Jobs without tests are left out.
    """
    listed = (
        _wanted(transaction, select(tests), wanted, beyond).order_by(_PLACE[0].desc(), _PLACE[1].desc()).limit(limit)
    )
    return transaction.execute(listed).mappings().all()


def find(transaction: Transaction, digest: UUID) -> Row | None:
    """Return a test by its digest; None if none of it is on record."""
    wanted = select(tests).where(tests.c.digest == digest, tests.c.name != "")
    return transaction.execute(wanted).mappings().first()


def count_beyond(transaction: Transaction, wanted: TestFilter, *, beyond: TestKey, since: datetime) -> int:
    """Return the number of these tests after a place that failed since a time."""
    counting = _wanted(transaction, select(func.count()).select_from(tests), wanted, beyond)
    return int(transaction.execute(counting.where(tests.c.last_failed_at >= since)).scalar_one())


def _wanted(
    transaction: Transaction, selecting: Select[Any], wanted: TestFilter, beyond: TestKey | None
) -> Select[Any]:
    listed = selecting.where(tests.c.name != "")
    if wanted.project is not None:
        spellings = track_search.spellings_of(transaction, wanted.project)
        listed = listed.where(or_(tests.c.project_slug.in_(spellings), tests.c.project_name == wanted.project))
    if wanted.name is not None:
        listed = listed.where(tests.c.name == wanted.name)
    if beyond is not None:
        mark = (literal(beyond.last_failed_at, UtcDateTime), literal(beyond.id))
        listed = listed.where(tuple_(*_PLACE) < tuple_(*mark))
    return listed


def mean_times(transaction: Transaction, test_ids: Collection[int], *, since: datetime) -> Mapping[int, float]:
    """Return the mean run time of tests since a day, in milliseconds."""
    count = func.sum(test_days.c.passes + test_days.c.fails)
    wanted = (
        select(test_days.c.test_id, func.sum(test_days.c.total_ms), count)
        .where(test_days.c.test_id.in_(test_ids), test_days.c.day >= since.date().isoformat())
        .group_by(test_days.c.test_id)
    )
    return {test_id: float(total) / int(runs) for test_id, total, runs in transaction.execute(wanted) if runs}


def count_results(transaction: Transaction, test_ids: Collection[int]) -> Mapping[int, int]:
    """Return the number of results on record of each of these tests."""
    counting = (
        select(test_results.c.test_id, func.count())
        .where(test_results.c.test_id.in_(test_ids))
        .group_by(test_results.c.test_id)
    )
    return {row[0]: row[1] for row in transaction.execute(counting)}


def last_results(transaction: Transaction, test_id: int, *, limit: int) -> Sequence[Row]:
    """Return the last results of a test, newest first."""
    wanted = (
        select(test_results, tracks.c.branch)
        .join(tracks, tracks.c.id == test_results.c.track_id)
        .where(test_results.c.test_id == test_id)
        .order_by(test_results.c.at.desc(), test_results.c.run_id)
        .limit(limit)
    )
    return transaction.execute(wanted).mappings().all()


def fails_of(transaction: Transaction, test_id: int, *, limit: int) -> Sequence[Row]:
    """Return the last fails of a test, newest first, with fingerprints and events."""
    wanted = (
        select(test_results.c.run_id, test_results.c.at, test_results.c.fingerprint, runs.c.event_id, tracks.c.branch)
        .join(runs, runs.c.id == test_results.c.run_id)
        .outerjoin(tracks, tracks.c.id == test_results.c.track_id)
        .where(test_results.c.test_id == test_id, test_results.c.failed)
        .order_by(test_results.c.at.desc(), test_results.c.run_id)
        .limit(limit)
    )
    return transaction.execute(wanted).mappings().all()


def recorded_runs(transaction: Transaction, test_id: int, run_ids: Collection[UUID]) -> dict[UUID, int | None]:
    """Return those of these runs that have a result of a test, with its time in ms."""
    wanted = select(test_results.c.run_id, test_results.c.run_ms).where(
        test_results.c.test_id == test_id, test_results.c.run_id.in_(run_ids)
    )
    return {row.run_id: row.run_ms for row in transaction.execute(wanted)}
