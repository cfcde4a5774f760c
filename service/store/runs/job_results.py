"""The jobs of runs: by their own posts, else by what CircleCI told.

Posts of jobs are found by the terms of searches, which every event has: an index by workflow would have a row for each
job of years, and only this page would read it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import desc, select

from service.db.columns import is_any
from service.db.raw_rows import RawRows
from service.db.tables import Transaction, details, events
from service.model import EventKind, Track
from service.store.runs import runs
from service.store.runs.default_tracks import StripRun
from service.store.search.places import first_place
from service.store.search.search_terms import Span, matching, project_term, value_term

MAX_POSTS = 3_000
LATE = timedelta(hours=1)
"""The time after a workflow's end in which posts of its jobs are looked for."""

# built once: that takes longer than to run it
_DETAILS = select(details.c.event_id, details.c.body).where(is_any(details.c.event_id, "event_ids"))


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """A job of a run.

    event_id   its post; None: it is known by what CircleCI told
    """

    name: str
    status: str
    event_id: UUID | None = None


def _of_post(row: Mapping[str, Any]) -> tuple[str | None, JobResult]:
    """Return the id of the workflow of a post, and its job."""
    return row["workflow_id"], JobResult(name=row["job_name"] or "", status=row["job_status"] or "", event_id=row["id"])


_POST_COLUMNS = ("place", "id", "workflow_id", "job_name", "job_status")
_POSTS = RawRows([events.c[name] for name in _POST_COLUMNS], _of_post, kept=MAX_POSTS)


def of_runs(transaction: Transaction, track: Track, found: Sequence[StripRun]) -> Mapping[UUID, Sequence[JobResult]]:
    """Return the jobs of runs of a track, by the ids of runs.

    Runs of which no job is known are left out.
    """
    posted = _posted(transaction, track, found)
    rest = {run.event_id: run.id for run in found if run.id not in posted}
    told = _told(transaction, list(rest))
    return {**posted, **{rest[event_id]: jobs for event_id, jobs in told.items() if jobs}}


def _posted(transaction: Transaction, track: Track, found: Sequence[StripRun]) -> dict[UUID, list[JobResult]]:
    project = track.project_slug or track.project_name
    if not found or project is None:
        return {}
    clauses = [(value_term("kind", EventKind.JOB_COMPLETED),), (project_term(project),)]
    named = {"workflow_name": track.workflow, "branch": track.branch}
    clauses += [(value_term(column, value),) for column, value in named.items() if value]
    newest = matching(transaction, clauses, _span(found), _POSTS.columns[1:]).order_by(desc("place")).limit(MAX_POSTS)
    return _results(_POSTS.read(transaction, newest), {run.id for run in found})


def _span(found: Sequence[StripRun]) -> Span:
    begin: datetime = min(run.created_at for run in found)
    end: datetime = max(run.stopped_at for run in found)
    return Span(low=first_place(begin), high=first_place(end + LATE))


def _results(posts: Sequence[tuple[str | None, JobResult]], run_ids: Collection[UUID]) -> dict[UUID, list[JobResult]]:
    """Return the jobs of posts, which come newest first; of a job the last post."""
    found: dict[str, dict[str, JobResult]] = {}
    for workflow_id, job in reversed(posts):
        if workflow_id and job.name:
            found.setdefault(workflow_id, {})[job.name] = job
    by_run = {runs.to_id(workflow_id): list(some.values()) for workflow_id, some in found.items()}
    return {run_id: some for run_id, some in by_run.items() if run_id in run_ids and run_id is not None}


def _told(transaction: Transaction, event_ids: Sequence[UUID]) -> dict[UUID, list[JobResult]]:
    """Return the jobs among the details of events, without the rest of these."""
    if not event_ids:
        return {}
    found = transaction.execute(_DETAILS, {"event_ids": event_ids})
    return {event_id: _of_body(body) for event_id, body in found}


def _of_body(body: Mapping[str, Any]) -> list[JobResult]:
    return [JobResult(name=job["name"], status=job["status"] or "") for job in body.get("jobs") or ()]
