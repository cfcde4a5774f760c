"""Spans of a run as JSON, for the API, pages and commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.tables import Transaction
from service.model import UNEXPLAINED_WINDOW, WEBHOOK_WAIT, Event, EventKind, Span, SpanLevel, UnexplainedRun
from service.operations.json_shapes import Json, rfc3339
from service.store.circleci import spans
from service.store.deliveries.dead_bodies import ids_in_dead_bodies

RESOURCES = ("resource_class", "executor", "image", "cpu", "ram_mb")
USE = ("cpu_mean", "cpu_max", "cpu_p90", "memory_mean_bytes", "memory_max_bytes", "memory_p90_bytes")
NETWORK = ("bytes_received", "bytes_sent")
RERUNS = ("auto_rerun_number", "max_auto_reruns")
FLAGS = ("is_background", "is_insignificant")
FAILED_RESULTS = frozenset({"failure", "timeout", "error"})
MAX_LISTED = 20  # of workflows without a webhook, on a page
MAX_ANSWERED = 200  # to programs


def spans_of_event(transaction: Transaction, event: Event) -> Json | None:
    """Return what spans say of an event's run, or of its job; None without any."""
    run_id = _to_id(event.workflow.id)
    if run_id is None or event.kind is EventKind.PING:
        return None
    return spans_json(spans.of_run(transaction, run_id), job_id=event.job.id if event.job else None)


def _to_id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def spans_json(found: Sequence[Span], *, job_id: str | None = None) -> Json | None:
    """Return the shape of a run's spans; None without any.

    pull_request   its number and title, or None
    is_rerun       whether it repeats another run, and rerun_type CircleCI's word for it; None: not known
    jobs           each with its executions and steps, see ``_job``
    is_cut         there are more spans than are read
    job_id         only this job
    """
    if not found:
        return None
    jobs = [span for span in found if span.level is SpanLevel.JOB and (job_id is None or str(span.job_id) == job_id)]
    return {
        "pull_request": _pull_request(found),
        **{name: _first(found, name) for name in ("is_rerun", "rerun_type", "is_setup")},
        "jobs": [_job(span, found) for span in sorted(jobs, key=_began)],
        "is_cut": len(found) >= spans.MAX_OF_RUN,
    }


def _pull_request(found: Sequence[Span]) -> Json | None:
    number = _first(found, "pull_request_number")
    return None if number is None else {"number": number, "title": _first(found, "pull_request_title")}


def _first(found: Sequence[Span], fact: str) -> Any:
    return next((span.facts[fact] for span in found if fact in span.facts), None)


def _began(span: Span) -> tuple[float, str]:
    return span.started_at.timestamp() if span.started_at else 0.0, span.name


def _job(job: Span, found: Sequence[Span]) -> Json:
    """Return a job; ``wait_ms`` is the time until its first execution began."""
    own = [span for span in found if span.job_id == job.job_id]
    tasks = sorted((span for span in own if span.level is SpanLevel.TASK), key=lambda span: span.task_index or 0)
    steps = sorted((span for span in own if span.level is SpanLevel.STEP), key=_began)
    return {
        "id": str(job.job_id),
        "name": job.name,
        **_facts(job, ("job_number", "job_type")),
        "status": job.status,
        **_times(job),
        "wait_ms": _wait_ms(job, tasks),
        "executions": [_execution(task) for task in tasks],
        "steps": [_step(step) for step in steps],
    }


def _wait_ms(job: Span, tasks: Sequence[Span]) -> int | None:
    begins = [task.started_at for task in tasks if task.started_at]
    return _milliseconds(job.started_at, min(begins, default=None))


def _execution(task: Span) -> Json:
    return {
        "index": task.task_index,
        "result": task.status or task.result,
        **_times(task),
        **_facts(task, (*RESOURCES, *USE, *NETWORK)),
    }


def _step(step: Span) -> Json:
    return {
        "execution": step.task_index,
        "name": step.name,
        "result": step.result,
        **_facts(step, ("step_type", "exit_code", *FLAGS, *RERUNS)),
        **_times(step),
        "is_failed": step.result in FAILED_RESULTS and not step.facts.get("is_insignificant"),
    }


def _facts(span: Span, names: Sequence[str]) -> Json:
    return {name: span.facts.get(name) for name in names}


def _times(span: Span) -> Json:
    times = {"started_at": span.started_at, "ended_at": span.ended_at}
    written = {name: rfc3339(time) if time else None for name, time in times.items()}
    return {**written, "duration_ms": _milliseconds(span.started_at, span.ended_at)}


def _milliseconds(begin: datetime | None, end: datetime | None) -> int | None:
    if begin is None or end is None or end < begin:
        return None
    return round((end - begin).total_seconds() * 1_000)


def list_unexplained(transaction: Transaction, now: datetime, *, limit: int = MAX_LISTED) -> list[Json]:
    """Return the workflows of the last day that a span told of, and no webhook.

    Of one whose webhook came and is a dead letter, ``dead_letter`` is true.
    """
    found = spans.find_unexplained(
        transaction, received_before=now - WEBHOOK_WAIT, received_after=now - UNEXPLAINED_WINDOW, limit=limit
    )
    dead = ids_in_dead_bodies(transaction, since=now - UNEXPLAINED_WINDOW) if found else frozenset()
    return [{**unexplained_json(run), "dead_letter": run.workflow_id in dead} for run in found]


def show_unexplained(transaction: Transaction, workflow_id: UUID) -> Json | None:
    """Return a workflow that only spans tell of, with its ``spans``; None without any."""
    run = spans.find_run(transaction, workflow_id)
    return {**unexplained_json(run), "spans": spans_json(spans.of_run(transaction, workflow_id))} if run else None


def unexplained_json(run: UnexplainedRun) -> Json:
    """Return the shape of a workflow without a webhook."""
    return {
        "run": str(run.workflow_id),
        "project": {"slug": run.project_slug, "full_name": run.project_name or run.facts.get("repository")},
        "workflow": run.name,
        "status": run.status,
        **{name: run.facts.get(name) for name in ("branch", "revision", "pipeline_number")},
        "started_at": rfc3339(run.started_at) if run.started_at else None,
        "ended_at": rfc3339(run.ended_at),
        "duration_ms": _milliseconds(run.started_at, run.ended_at),
        "received_at": rfc3339(run.received_at),
    }
