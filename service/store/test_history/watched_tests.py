"""Watched tests: those that failed lately, whose passes are of interest too."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import bindparam, exists, select

from service.db.tables import Transaction, details, test_results, tests, tracks
from service.model import Color, Event, Run
from service.store.runs import runs
from service.store.test_history.test_results import WATCHED_FOR

_IS_OF_WORKFLOW = (
    select(test_results.c.test_id)
    .join(tracks, tracks.c.id == test_results.c.track_id)
    .where(
        test_results.c.test_id == tests.c.id,
        test_results.c.failed,
        test_results.c.at >= bindparam("since"),
        tracks.c.workflow.is_not_distinct_from(bindparam("workflow")),
    )
)
_WATCHED = (
    select(tests.c.job)
    .distinct()
    .where(tests.c.last_failed_at >= bindparam("since"), tests.c.name != "", exists(_IS_OF_WORKFLOW))
)
_OF_ID = _WATCHED.where(tests.c.project_id == bindparam("project"))
_OF_SLUG = _WATCHED.where(tests.c.project_id.is_(None), tests.c.project_slug == bindparam("project"))


def watched_jobs(transaction: Transaction, event: Event) -> Collection[str]:
    """Return the jobs of which a test failed in the 30 days before an event's run.

    They are of its project and of workflows of its name, on any branch. Jobs without tests are left out.
    """
    since = (event.workflow.stopped_at or event.happened_at) - WATCHED_FOR
    wanted, project = (_OF_ID, event.project.id) if event.project.id else (_OF_SLUG, event.project.slug)
    given = {"since": since, "workflow": event.workflow.name, "project": project}
    return set(transaction.execute(wanted, given).scalars())


def earlier_attempts(transaction: Transaction, event: Event) -> Collection[UUID]:
    """Return the events of the red runs that a rerun repeats, with tests unknown.

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
