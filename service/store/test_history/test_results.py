"""Tests that failed, with their results, and the counts of these by day."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nlargest
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Integer, Select, bindparam, delete, func, select, true, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from service.db.columns import is_any
from service.db.raw_rows import RawRows
from service.db.tables import Transaction, test_days, test_results, tests
from service.model import Event, ObservedTest, Run, TestIdentity
from service.store.bulk import BulkInsert
from service.store.rows import Row

WATCHED_FOR = timedelta(days=30)
"""The passes of a test are kept for this long after its last fail."""
MAX_RESULTS = 100_000
MAX_RUNS = 500  # of one test
MAX_AT_ONCE = 200  # tests in one question
MAX_SHARED = 50_000  # rows that are kept while tests are read, for those that share them
MAX_DIGESTS = 1_000  # in one statement: a run may have tens of thousands of tests

_RESULT = ("run_id", "failed", "track_id", "pipeline_number", "revision", "at")
_DIGESTS = UUID("5d4d6f1e-27f0-5b0e-9c39-8f2d2b1b6a10")
_TEST_COLUMNS = [column.name for column in tests.c if column.name != "id"]
_PUT_TESTS = BulkInsert(
    tests,
    "ON CONFLICT (digest) DO UPDATE SET project_slug = excluded.project_slug, project_name = excluded.project_name, "
    "file = excluded.file, "
    "first_failed_at = CASE WHEN excluded.first_failed_at < tests.first_failed_at "
    "THEN excluded.first_failed_at ELSE tests.first_failed_at END, "
    "last_failed_at = CASE WHEN excluded.last_failed_at > tests.last_failed_at "
    "THEN excluded.last_failed_at ELSE tests.last_failed_at END",
    columns=_TEST_COLUMNS,
)
_FIND = select(tests.c.digest, tests.c.id, tests.c.last_failed_at).where(is_any(tests.c.digest, "digests"))
_RECORDED = select(test_results.c.test_id, test_results.c.failed).where(test_results.c.run_id == bindparam("run_id"))
_PUT_RESULTS = BulkInsert(test_results, "ON CONFLICT DO NOTHING")
_ADD_DAYS = BulkInsert(
    test_days,
    "ON CONFLICT (test_id, day) DO UPDATE SET passes = test_days.passes + excluded.passes, "
    "fails = test_days.fails + excluded.fails, total_ms = test_days.total_ms + excluded.total_ms",
)


def digest_of(project: str | None, test: TestIdentity) -> UUID:
    """Return the digest of a test of a project."""
    return _digest(project, test.job, test.suite, test.name)


@lru_cache(maxsize=8_192)
def _digest(project: str | None, job: str, suite: str, name: str) -> UUID:
    return uuid5(_DIGESTS, repr((project, job, suite, name)))


def project_of(event: Event) -> str | None:
    """Return the project by which an event's tests are told apart."""
    return event.project.id or event.project.slug


def record(transaction: Transaction, event: Event, run: Run, observed: Sequence[ObservedTest]) -> None:
    """Record the results of a run; those on record already change nothing.

    A pass is recorded of a test that failed in the last 30 days.
    """
    project = project_of(event)
    digests = [digest_of(project, one.test) for one in observed]
    failed = {digest: one for digest, one in zip(digests, observed, strict=True) if one.failed}
    _PUT_TESTS(transaction, [_test_row(event, run, digest, failed[digest]) for digest in sorted(failed)])
    known = _watched(transaction, set(digests), since=run.stopped_at - WATCHED_FOR)
    there = {(row.test_id, row.failed) for row in transaction.execute(_RECORDED, {"run_id": run.id})}
    new: dict[tuple[int, bool], ObservedTest] = {}
    for digest, one in zip(digests, observed, strict=True):
        test_id = known.get(digest)
        if test_id is not None and (test_id, one.failed) not in there:
            new[test_id, one.failed] = one
    _PUT_RESULTS(
        transaction, [_result_row(event, run, test_id, new[test_id, failed]) for test_id, failed in sorted(new)]
    )
    _ADD_DAYS(transaction, _day_rows(run, new))


def _watched(transaction: Transaction, digests: Collection[UUID], *, since: datetime) -> dict[UUID, int]:
    """Return the ids of those of these tests that failed since a time, by digest."""
    return {row.digest: row.id for row in _find(transaction, digests) if row.last_failed_at >= since}


def _find(transaction: Transaction, digests: Collection[UUID]) -> Iterator[Any]:
    """Yield the rows of those of these tests that are on record."""
    wanted = list(digests)
    for start in range(0, len(wanted), MAX_DIGESTS):
        yield from transaction.execute(_FIND, {"digests": wanted[start : start + MAX_DIGESTS]})


def _test_row(event: Event, run: Run, digest: UUID, one: ObservedTest) -> dict[str, object]:
    return {
        "digest": digest,
        "project_id": event.project.id,
        "project_slug": event.project.slug,
        "project_name": event.project_name,
        "job": one.test.job,
        "name": one.test.name,
        "class_name": one.class_name,
        "file": one.file,
        "first_failed_at": run.stopped_at,
        "last_failed_at": run.stopped_at,
    }


def _result_row(event: Event, run: Run, test_id: int, one: ObservedTest) -> dict[str, object]:
    return {
        "test_id": test_id,
        "run_id": run.id,
        "failed": one.failed,
        "track_id": run.track_id,
        "pipeline_number": run.pipeline_number,
        "revision": event.revision,
        "at": run.stopped_at,
        "fingerprint": one.fingerprint,
        "run_ms": one.run_ms,
    }


def _day_rows(run: Run, new: Mapping[tuple[int, bool], ObservedTest]) -> list[dict[str, object]]:
    day = run.stopped_at.date().isoformat()
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (test_id, failed), one in new.items():
        counts[test_id][int(failed)] += 1
        counts[test_id][2] += one.run_ms or 0
    return [
        {"test_id": test_id, "day": day, "passes": passes, "fails": fails, "total_ms": total}
        for test_id, (passes, fails, total) in sorted(counts.items())
    ]


def find_ids(transaction: Transaction, digests: Collection[UUID]) -> dict[UUID, int]:
    """Return the ids of those of these tests that are on record, by digest."""
    return {row.digest: row.id for row in _find(transaction, digests)}


def results_of(
    transaction: Transaction, test_ids: Collection[int], *, since: datetime, limit: int = MAX_RESULTS
) -> dict[int, list[Row]]:
    """Return the results of tests since a time, by test, the newest first.

    There are as many of each test as its rates are of. A run has the same of many tests: they share a row, which is
    converted once.
    """
    build = _ROWS.builder(transaction.dialect)
    found: dict[int, list[Row]] = defaultdict(list)
    count = 0
    for test_id, row in _NEWEST[transaction.dialect.name](transaction, list(test_ids), since):
        found[test_id].append(build(row))
        count += 1
        if count >= 2 * limit:  # while they are read: ten jobs of a run may have 2,000 failed tests
            found, count = _newest(found, limit), limit
    return found if count <= limit else _newest(found, limit)


def _newest(found: Mapping[int, Sequence[Row]], limit: int) -> dict[int, list[Row]]:
    """Return so many of these results, those of the last runs."""
    every = ((row["at"], test_id, row) for test_id, some in found.items() for row in some)
    newest: dict[int, list[Row]] = defaultdict(list)
    for _, test_id, row in nlargest(limit, every, key=itemgetter(0)):
        newest[test_id].append(row)
    return newest


def _newest_one_by_one(
    transaction: Transaction, test_ids: Sequence[int], since: datetime
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the rows of tests, by a question for each.

    SQLite sorts only what it returns then.
    """
    for test_id in test_ids:
        for row in transaction.execute(_OF_ONE, {"test_id": test_id, "since": since}).all():
            yield test_id, tuple(row)


def _newest_at_once(
    transaction: Transaction, test_ids: Sequence[int], since: datetime
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the rows of tests, by a question for many: to ask Postgres takes longest."""
    for start in range(0, len(test_ids), MAX_AT_ONCE):
        asked = {"test_ids": test_ids[start : start + MAX_AT_ONCE], "since": since}
        for row in transaction.execute(_OF_EACH, asked).all():
            yield row[0], tuple(row[1:])


def _of_test(test_id: ColumnElement[int]) -> Select[Any]:
    is_recent = test_results.c.at >= bindparam("since")
    wanted = select(*_ROWS.columns).where(test_results.c.test_id == test_id, is_recent)
    return wanted.order_by(test_results.c.at.desc()).limit(MAX_RUNS)


def _of_each() -> Select[Any]:
    test_ids = func.unnest(bindparam("test_ids", type_=ARRAY(Integer))).column_valued("wanted")
    newest = _of_test(test_ids).lateral("newest")
    return select(test_ids, *newest.c).join(newest, true())


_ROWS: RawRows[Row] = RawRows([test_results.c[name] for name in _RESULT], dict, kept=MAX_SHARED)
_OF_ONE = _of_test(bindparam("test_id"))
_OF_EACH = _of_each()
_NEWEST = {"sqlite": _newest_one_by_one, "postgresql": _newest_at_once}


def prune(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """Delete results from before a time, then what has none; return their number."""
    place = (test_results.c.test_id, test_results.c.run_id, test_results.c.failed)
    old = transaction.execute(select(*place).where(test_results.c.at < before).limit(limit)).all()
    if old:
        transaction.execute(delete(test_results).where(tuple_(*place).in_([tuple(row) for row in old])))
    if len(old) == limit:
        return len(old)
    transaction.execute(delete(test_days).where(test_days.c.day < before.date().isoformat()))
    transaction.execute(delete(tests).where(tests.c.last_failed_at < before))
    return len(old)
