"""A workflow on a branch: jobs of its last runs, durations, days, times of red."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from statistics import median
from uuid import UUID

from service.db.tables import Transaction
from service.errors import NotFound
from service.message.status_text import severity
from service.model import Color
from service.operations.builds import circleci_says
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.branch_list import find_known
from service.operations.overviews.now import run_json
from service.operations.overviews.workflow_states import project_name, with_state
from service.operations.unknown_projects import describe_unknown
from service.store.runs import job_results, project_tracks, track_runs
from service.store.runs.default_tracks import StripRun
from service.store.runs.job_results import JobResult
from service.store.runs.project_tracks import ProjectKey
from service.store.runs.track_runs import MAX_RUNS, RedTime
from service.store.runs.tracks import StoredTrack

GRID_RUNS = 30
MAX_JOBS = 20
MAX_DOTS = 100
MAX_BRANCHES = 60
MAX_REDS = 5
DAYS = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class OnBranch:
    """A workflow on a branch.

    branch   None: the default one, or else that of its last run
    tags     its runs of tags and of no branch are meant
    """

    workflow: str
    branch: str | None = None
    tags: bool = False


def read_workflow(transaction: Transaction, key: ProjectKey, where: OnBranch, now: datetime) -> Json:
    """Return what is known of a workflow on a branch.

    The shape: ``runs`` are the last ones, oldest first, and ``jobs`` their jobs with a cell for each run, null where
    nothing is known; ``dots`` the runs of ``durations``; ``days`` the last 60. Raises NotFound for another branch.
    """
    stored, branches = _choose(transaction, key, where)
    track, state = stored.track, with_state(stored, now)
    every = track_runs.latest(transaction, track.id, is_ordered=track.is_ordered)
    last = every[-GRID_RUNS:]
    jobs = job_results.of_runs(transaction, track, last)
    names = _names(last, jobs)
    return {
        "as_of": rfc3339(now),
        "project": key.slug,
        "project_name": project_name(track),
        "workflow": where.workflow,
        "branch": track.branch,
        "is_default_branch": track.is_of_default_branch,
        "is_gone": find_known(transaction, key.slug).is_gone(track.branch, stored.state.last_at),
        "state": str(state.state),
        "since": rfc3339(stored.state.since) if stored.state.since else None,
        "streak": stored.state.streak,
        "definition": track.definition_id or None,
        "definitions": branches.pop("definitions"),
        "branches": branches,
        "runs": [_run_json(run) for run in last],
        "jobs": _grid(last, jobs, names[:MAX_JOBS]),
        "more_jobs": max(len(names) - MAX_JOBS, 0),
        "runs_with_jobs": len(jobs),
        "dots": [_run_json(run) for run in every[-MAX_DOTS:]],
        "median_ms": _median_ms(every[-MAX_DOTS:]),
        "days": _days(every, now),
        "is_partial": len(every) == MAX_RUNS and every[0].stopped_at > now - DAYS,
        "circleci": circleci_says.of_workflow(transaction, key.slug, where.workflow)
        if track.is_of_default_branch
        else None,
        "red_times": _red_times(track_runs.reds_since(transaction, track.id, now - DAYS)),
    }


def _choose(transaction: Transaction, key: ProjectKey, where: OnBranch) -> tuple[StoredTrack, Json]:
    """Return the track of a branch, and the branches on which the workflow ran.

    ``definitions`` is the number of tracks of that branch: each pipeline definition of CircleCI has one.
    """
    found = project_tracks.of_workflow(transaction, key, where.workflow)
    named = [one for one in found if one.track.branch is not None]
    if where.tags:
        chosen = next((one for one in found if one.track.branch is None), None)
    elif where.branch is not None:
        chosen = next((one for one in named if one.track.branch == where.branch), None)
    else:
        chosen = next((one for one in named if one.track.is_of_default_branch), found[0] if found else None)
    names = list(dict.fromkeys(str(one.track.branch) for one in named))
    if chosen is None:
        raise NotFound(
            describe_unknown(
                "branch" if where.branch else "tags of", where.branch or where.workflow, _near(where, names)
            )
        )
    is_first = {one.track.branch: not one.track.is_of_default_branch for one in named}
    ordered = sorted(names, key=lambda name: is_first[name])[:MAX_BRANCHES]
    return chosen, {
        "names": ordered,
        "more": len(names) - len(ordered),
        "has_tags": len(named) < len(found),
        "definitions": sum(one.track.branch == chosen.track.branch for one in found),
    }


def _near(where: OnBranch, names: Sequence[str]) -> list[str]:
    return get_close_matches(where.branch, names, n=3) if where.branch else []


def _run_json(run: StripRun) -> Json:
    return run_json(run) | {"number": run.pipeline_number}


def _names(last: Sequence[StripRun], jobs: Mapping[UUID, Sequence[JobResult]]) -> list[str]:
    """Return the names of jobs: those that failed last come first, then by name."""
    failed: dict[str, int] = {}
    for nth, run in enumerate(last):
        for job in jobs.get(run.id, ()):
            is_failed = severity(job.status) == "failure"
            failed[job.name] = max(failed.get(job.name, -1), nth if is_failed else -1)
    return sorted(failed, key=lambda name: (-failed[name], name))


def _grid(last: Sequence[StripRun], jobs: Mapping[UUID, Sequence[JobResult]], names: Sequence[str]) -> list[Json]:
    """Return a row for each of these jobs with a cell for each run."""
    by_run = [(str(run.id), {job.name: job for job in jobs.get(run.id, ())}) for run in last]
    return [{"job": name, "cells": [_cell(run_id, some.get(name)) for run_id, some in by_run]} for name in names]


def _cell(run_id: str, job: JobResult | None) -> Json | None:
    """Return a cell, and the build that it leads to: the job's own post, else the run."""
    return {"status": job.status, "build": str(job.event_id) if job.event_id else run_id} if job else None


def _median_ms(some: Sequence[StripRun]) -> int | None:
    greens = [run.duration_ms for run in some if run.color == Color.GREEN]
    return int(median(greens)) if greens else None


def _days(every: Sequence[StripRun], now: datetime) -> list[Json]:
    """Return the days until today, the oldest first, each with its runs by color."""
    today = now.astimezone(UTC).date()
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    for run in every:
        counts[run.stopped_at.astimezone(UTC).date()][run.color] += 1
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS.days))]
    return [{"day": day.isoformat(), **{str(color): counts[day][color] for color in Color}} for day in days]


def _red_times(found: Sequence[RedTime]) -> Json:
    """Return how long the workflow was red until a run was green again, in seconds."""
    lasted = [(one.closed_at - one.opened_at).total_seconds() for one in found if one.closed_at]
    return {
        "count": len(found),
        "median_s": int(median(lasted)) if lasted else None,
        "max_s": int(max(lasted)) if lasted else None,
        "items": [
            {
                "incident": str(one.id),
                "opened_at": rfc3339(one.opened_at),
                "closed_at": rfc3339(one.closed_at) if one.closed_at else None,
                "streak": one.streak,
            }
            for one in found[:MAX_REDS]
        ],
    }
