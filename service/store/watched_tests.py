"""Watched tests: those that failed lately, whose passes are of interest too."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, select

from service.db.tables import Transaction, details, test_results, tests, tracks
from service.model import Color, Event, Run
from service.store import runs
from service.store.test_results import WATCHED_FOR


def watched_jobs(transaction: Transaction, event: Event) -> Collection[str]:
    """Return the jobs of which a test failed in the 30 days before an event's run.

    They are of its project and of workflows of its name, on any branch. Jobs without tests are left out.
    """
    since = (event.workflow.stopped_at or event.happened_at) - WATCHED_FOR
    of_workflow = (
        select(test_results.c.test_id)
        .join(tracks, tracks.c.id == test_results.c.track_id)
        .where(
            test_results.c.test_id == tests.c.id,
            test_results.c.failed,
            test_results.c.at >= since,
            tracks.c.workflow.is_not_distinct_from(event.workflow.name),
        )
    )
    wanted = (
        select(tests.c.job)
        .distinct()
        .where(_is_of_project(event), tests.c.last_failed_at >= since, tests.c.name != "", exists(of_workflow))
    )
    return set(transaction.execute(wanted).scalars())


def _is_of_project(event: Event) -> ColumnElement[bool]:
    if event.project.id is not None:
        return tests.c.project_id == event.project.id
    return and_(tests.c.project_id.is_(None), tests.c.project_slug == event.project.slug)


def earlier_attempts(transaction: Transaction, event: Event) -> Collection[UUID]:
    """Return the events of the red runs that a rerun follows, if their tests are unknown.

    They are of the same pipeline and workflow: a test that fails in one and passes in the other is flaky.
    """
    reds = {run.event_id for run in _attempts(transaction, event) if run.color is Color.RED and _is_before(run, event)}
    asked = select(details.c.event_id).where(details.c.event_id.in_(reds), details.c.has_tests.is_not(None))
    return reds - set(transaction.execute(asked).scalars()) if reds else reds


def is_rerun_later(transaction: Transaction, event: Event) -> bool:
    """Return whether a later run of the same pipeline and workflow is on record."""
    return not all(_is_before(run, event) for run in _attempts(transaction, event))


def _attempts(transaction: Transaction, event: Event) -> Sequence[Run]:
    """Return the other runs of an event's pipeline and workflow."""
    if event.run is None or event.pipeline.number is None:
        return []
    found = runs.of_pipelines(transaction, event.run.track_id, [event.pipeline.number])
    return [run for run in found if run.id != event.run.run_id]


def _is_before(run: Run, event: Event) -> bool:
    return event.run is not None and run.number_in_pipeline < event.run.number_in_pipeline
