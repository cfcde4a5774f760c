"""The share of red runs whose tests are known."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case, exists, func, or_, select, text

from service.db.tables import Transaction, runs, tracks
from service.model import Run, TestCoverage
from service.store.runs import track_search
from service.store.test_history.test_list import TestFilter

# the conditions of indexes, to the letter: these answer the count without reading a row
_IS_RED = text("color = 'red'")
_HAS_TESTS = "EXISTS (SELECT 1 FROM details{by} WHERE event_id = runs.event_id AND has_tests)"
_KNOWN: Mapping[str, ColumnElement[int]] = {
    # SQLite would take the key, and read each row to its end: bodies are large
    "sqlite": case((text(_HAS_TESTS.format(by=" INDEXED BY ix_details_with_tests")), 1), else_=0),
    "postgresql": case((text(_HAS_TESTS.format(by="")), 1), else_=0),
}


def coverage_of_tracks(transaction: Transaction, track_ids: Collection[int], *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs of tracks since a time."""
    return _count(transaction, [tracks.c.id.in_(track_ids)], since)


def coverage_of_project(transaction: Transaction, run: Run, *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs of a run's project since a time."""
    own = select(tracks.c.project_slug).where(tracks.c.id == run.track_id).scalar_subquery()
    of_project = or_(tracks.c.project_slug == own, tracks.c.id == run.track_id)  # without a slug it is known alone
    return _count(transaction, [of_project], since)


def coverage_of(transaction: Transaction, wanted: TestFilter, *, since: datetime) -> TestCoverage:
    """Return the coverage of tests of the red runs that a list of tests is made of."""
    of_tracks: list[ColumnElement[bool]] = []
    if wanted.project is not None:
        spellings = track_search.spellings_of(transaction, wanted.project)
        of_tracks.append(or_(tracks.c.project_slug.in_(spellings), tracks.c.project_name == wanted.project))
    if wanted.branch is not None:
        of_tracks.append(tracks.c.branch == wanted.branch)
    return _count(transaction, of_tracks, since)


def _count(transaction: Transaction, of_tracks: Sequence[ColumnElement[bool]], since: datetime) -> TestCoverage:
    """Count the red runs since a time in their own index, those of tracks that fit.

    Each run looks its track up: to list the tracks of a project first takes longer, of which there may be thousands.
    """
    counting = select(func.count(), func.sum(_KNOWN[transaction.dialect.name]))
    counting = counting.select_from(runs).where(_IS_RED, runs.c.stopped_at >= since)
    if of_tracks:
        counting = counting.where(exists().where(tracks.c.id == runs.c.track_id, *of_tracks))
    red_runs, known = transaction.execute(counting).one()
    return TestCoverage(known=known or 0, red_runs=red_runs)
