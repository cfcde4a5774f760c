"""Neighbors of a run: on its track, in its pipeline, and by its failures."""

from collections.abc import Collection

from sqlalchemy import select

from service.db.tables import Transaction, runs, test_results, tracks
from service.model import Event, Run
from service.store.runs import project_tracks
from service.store.runs.project_tracks import ProjectKey
from service.store.runs.runs import MAX_BESIDE, to_run

MAX_TRACKS = 200  # of one branch of a project
MAX_OF_PIPELINE = 50
MAX_SEEN = 5
_MAX_RESULTS = 500  # one failure may be that of many tests of a run


def before_and_after(transaction: Transaction, run: Run) -> tuple[Run | None, Run | None]:
    """Return the runs before and after one, by the order of its track; None for none."""
    if run.pipeline_number is None:
        return None, None
    number, others = runs.c.pipeline_number, select(runs).where(runs.c.track_id == run.track_id, runs.c.id != run.id)
    newest, oldest = (number.desc(), runs.c.created_at.desc()), (number, runs.c.created_at)
    older = others.where(number <= run.pipeline_number).order_by(*newest).limit(MAX_BESIDE)
    younger = others.where(number >= run.pipeline_number).order_by(*oldest).limit(MAX_BESIDE)
    before, after = ([to_run(row) for row in transaction.execute(some).mappings()] for some in (older, younger))
    return (
        max((one for one in before if one.place < run.place), key=lambda one: one.place, default=None),
        min((one for one in after if one.place > run.place), key=lambda one: one.place, default=None),
    )


def of_pipeline(transaction: Transaction, event: Event) -> list[Run]:
    """Return the runs of an event's pipeline, in the order in which they began.

    They are those of its project, branch and pipeline number.
    """
    if event.pipeline.number is None or event.project.slug is None:
        return []
    branch = tracks.c.branch.is_(None) if event.branch is None else tracks.c.branch == event.branch
    beside = select(tracks.c.id).where(tracks.c.project_slug == event.project.slug, branch).limit(MAX_TRACKS)
    ids = transaction.execute(beside).scalars().all()
    found = select(runs).where(runs.c.track_id.in_(ids), runs.c.pipeline_number == event.pipeline.number)
    first = found.order_by(runs.c.created_at, runs.c.id).limit(MAX_OF_PIPELINE)
    return [to_run(row) for row in transaction.execute(first).mappings()]


def of_number(transaction: Transaction, key: ProjectKey, number: int) -> list[Run]:
    """Return the newest runs of a project's pipeline by its number, on any branch."""
    of_project = project_tracks.ids_of(key)
    found = select(runs).where(runs.c.track_id.in_(of_project), runs.c.pipeline_number == number)
    newest = found.order_by(runs.c.stopped_at.desc(), runs.c.id).limit(MAX_OF_PIPELINE)
    return [to_run(row) for row in transaction.execute(newest).mappings()]


def with_failures(transaction: Transaction, run: Run, fingerprints: Collection[str]) -> list[Run]:
    """Return the last runs before one with one of these failures."""
    if not fingerprints:
        return []
    wanted = select(test_results.c.run_id).where(
        test_results.c.fingerprint.in_(fingerprints), test_results.c.at < run.stopped_at
    )
    latest = transaction.execute(wanted.order_by(test_results.c.at.desc()).limit(_MAX_RESULTS)).scalars()
    ids = list(dict.fromkeys(run_id for run_id in latest if run_id and run_id != run.id))[:MAX_SEEN]
    found = transaction.execute(select(runs).where(runs.c.id.in_(ids))).mappings()
    return sorted(map(to_run, found), key=lambda one: one.stopped_at, reverse=True)
