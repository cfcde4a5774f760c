"""Usual durations of a workflow, and the time that it waited. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from statistics import median

from service.model import JobReport

MAX_RUNS = 30
MIN_RUNS = 5


@dataclass(frozen=True, kw_only=True)
class UsualDuration:
    """The usual duration of a workflow: median and 95th percentile."""

    median_ms: int
    p95_ms: int
    runs: int


def usual_duration(on_branch: Sequence[int], on_default: Sequence[int] = ()) -> UsualDuration | None:
    """Return the usual duration by the last 30 green runs; None: fewer than five.

    on_branch    in milliseconds, newest first; if there are fewer than five, those of the default branch count
    """
    for durations in (on_branch[:MAX_RUNS], on_default[:MAX_RUNS]):
        if len(durations) >= MIN_RUNS:
            ordered = sorted(durations)
            p95 = ordered[ceil(0.95 * len(ordered)) - 1]
            return UsualDuration(median_ms=round(median(ordered)), p95_ms=p95, runs=len(ordered))
    return None


def times_usual(duration_ms: int | None, usual: UsualDuration | None) -> float | None:
    """Return a duration as a multiple of the usual one; None: one of both is unknown."""
    if duration_ms is None or usual is None or not usual.median_ms:
        return None
    return duration_ms / usual.median_ms


def queue_ms(created_at: datetime | None, jobs: Iterable[JobReport]) -> int | None:
    """Return the time from a run's creation to its first job's start.

    A rerun lists jobs of the run before it too, which started before it was created. Waiting for a person is no job.
    None: no job started, or it is not known.
    """
    if created_at is None:
        return None
    starts = [job.started_at for job in jobs if job.started_at and job.type != "approval"]
    first = min((start for start in starts if start >= created_at), default=None)
    return round((first - created_at).total_seconds() * 1000) if first else None
