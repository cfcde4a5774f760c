"""The share of red runs whose tests are known."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, case, func, or_, select

from service.db.tables import Transaction, details, runs, tracks
from service.model import Color, Run, TestCoverage
from service.store.runs import track_search
from service.store.test_history.test_list import TestFilter


def coverage_of_tracks(transaction: Transaction, track_ids: Collection[int], *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs of tracks since a time."""
    return _count(transaction, select(tracks.c.id).where(tracks.c.id.in_(track_ids)), since)


def coverage_of_project(transaction: Transaction, run: Run, *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs of a run's project since a time."""
    own = select(tracks.c.project_slug).where(tracks.c.id == run.track_id).scalar_subquery()
    of_project = or_(tracks.c.project_slug == own, tracks.c.id == run.track_id)  # without a slug it is known alone
    return _count(transaction, select(tracks.c.id).where(of_project), since)


def coverage_of(transaction: Transaction, wanted: TestFilter, *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs that a list of tests is made of."""
    ids = select(tracks.c.id)
    if wanted.project is not None:
        spellings = track_search.spellings_of(transaction, wanted.project)
        ids = ids.where(or_(tracks.c.project_slug.in_(spellings), tracks.c.project_name == wanted.project))
    if wanted.branch is not None:
        ids = ids.where(tracks.c.branch == wanted.branch)
    return _count(transaction, ids, since)


def _count(transaction: Transaction, track_ids: Select[tuple[int]], since: datetime) -> TestCoverage:
    is_known = func.sum(case((details.c.has_tests, 1), else_=0))
    counting = (
        select(func.count(), is_known)
        .select_from(runs)
        .outerjoin(details, details.c.event_id == runs.c.event_id)
        .where(runs.c.track_id.in_(track_ids), runs.c.color == Color.RED, runs.c.stopped_at >= since)
    )
    red_runs, known = transaction.execute(counting).one()
    return TestCoverage(known=known or 0, red_runs=red_runs)
