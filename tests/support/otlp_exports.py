"""Exports of spans as CircleCI's documentation describes them, for any run of the pretend CircleCI."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from service.testing.fake_circleci.organization import JobRun, Run

Json = dict[str, Any]
TOKEN = "an-invented-token-of-the-exporter-0123456789"
RESULTS = {"success": "success", "failed": "failure", "canceled": "cancellation"}
COMMAND = "deploy --password hunter2"


def span(name: str, level_key: str, attributes: Mapping[str, object], begin: datetime, end: datetime) -> Json:
    """One span; its ids are made of ``level_key``."""
    digest = blake2b(level_key.encode(), digest_size=24).hexdigest()
    return {
        "traceId": digest[:32],
        "spanId": digest[32:],
        "name": name,
        "kind": 1,
        "startTimeUnixNano": nanoseconds(begin),
        "endTimeUnixNano": nanoseconds(end),
        "attributes": [{"key": key, "value": value(given)} for key, given in attributes.items()],
        "status": {},
    }


def nanoseconds(time: datetime) -> str:
    return str(int(time.timestamp() * 1_000) * 1_000_000)


def value(given: object) -> Json:
    match given:
        case bool():
            return {"boolValue": given}
        case int():
            return {"intValue": str(given)}
        case float():
            return {"doubleValue": given}
        case _:
            return {"stringValue": str(given)}


def export(*spans: Json, resource: Mapping[str, object] | None = None) -> Json:
    """The request with these spans."""
    of_resource = {"service.name": "CircleCI Pipelines"} if resource is None else resource
    attributes = [{"key": key, "value": value(given)} for key, given in of_resource.items()]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def spans_of(run: Run, *, steps: bool = True) -> list[Json]:
    """The spans of a run, child before parent, as they may come."""
    parts = [one for job in run.jobs if job.number for one in _of_job(run, job, steps=steps)]
    ids = _ids(run)
    pipeline = {**ids, "com.circleci.pipeline.number": run.number, "cicd.pipeline.name": "shop"}
    begin = run.pushed_at
    return [
        *parts,
        workflow_span(run),
        span("Pipeline: shop", run.pipeline_id, pipeline, begin, run.stopped_at + timedelta(milliseconds=50)),
    ]


def workflow_span(run: Run, **changed: object) -> Json:
    """The span of a run's workflow; ``changed`` are attributes below com.circleci.workflow."""
    attributes = {
        **_ids(run),
        **_workflow(run),
        "com.circleci.pipeline.number": run.number,
        "com.circleci.workflow.rerun": run.attempt > 1,
        "com.circleci.workflow.setup": run.is_setup,
        "cicd.pipeline.result": RESULTS.get(run.status, run.status),
        **{f"com.circleci.workflow.{key}": given for key, given in changed.items()},
    }
    return span(f"Workflow: {run.workflow}", run.workflow_id, attributes, run.pushed_at, run.stopped_at)


def _ids(run: Run) -> Json:
    ids: Json = {
        "com.circleci.org.id": "00000000-0000-4000-8000-00000000000b",
        "com.circleci.project.id": run.project.id,
        "com.circleci.pipeline.id": run.pipeline_id,
        "vcs.repository.name": run.project.name,
        "vcs.ref.head.revision": run.revision,
    }
    if run.branch:
        ids["vcs.ref.head.name"] = run.branch
    if run.pull_request:
        ids |= {"vcs.change.id": run.pull_request, "vcs.change.title": "Fix the cart"}
    return ids


def _workflow(run: Run) -> Json:
    return {
        "cicd.pipeline.name": run.workflow,
        "com.circleci.workflow.id": run.workflow_id,
        "com.circleci.workflow.name": run.workflow,
        "com.circleci.workflow.status": run.status,
    }


def _of_job(run: Run, job: JobRun, *, steps: bool) -> Iterable[Json]:
    begin = run.at(job.starts_s)
    end, job_id = begin + timedelta(seconds=job.lasts_s), run.job_id(job)
    own = {
        **_ids(run),
        **_workflow(run),
        "cicd.pipeline.task.name": job.name,
        "cicd.pipeline.task.type": "build",
        "cicd.pipeline.task.run.result": RESULTS.get(job.status, job.status),
        "com.circleci.job.id": job_id,
        "com.circleci.job.name": job.name,
        "com.circleci.job.number": job.number or 0,
        "com.circleci.job.type": "build",
        "com.circleci.job.status": job.status,
    }
    task = {
        **own,
        "cicd.pipeline.task.name": f"{job.name} - 0",
        "com.circleci.task.index": 0,
        "com.circleci.task.state": "COMPLETED",
        "com.circleci.task.result": "SUCCEEDED" if job.status == "success" else "FAILED",
        "com.circleci.resource.class": "medium",
        "com.circleci.resource.executor": "docker",
        "com.circleci.resource.cpu": 2,
        "com.circleci.resource.ram": 4096,
    }
    usage = {
        "com.circleci.resource.usage.cpu.max": 0.97,
        "com.circleci.resource.usage.cpu.mean": 0.41,
        "com.circleci.resource.usage.memory.max": 3_221_225_472,
    }
    ran = begin + timedelta(seconds=1)
    if steps:
        yield from (_step(job, job_id, task, number, ran, end) for number in range(2))
    yield span(f"Task: {job.name} - 0", f"{job_id}/0", task | usage, ran, end)
    yield span(f"Job: {job.name}", job_id, own, begin, end)


def _step(job: JobRun, job_id: str, task: Json, number: int, begin: datetime, end: datetime) -> Json:
    is_last = number == 1
    failed = is_last and job.status == "failed"
    step = {
        **task,
        "cicd.pipeline.task.name": "Run tests" if is_last else "Checkout code",
        "cicd.pipeline.task.type": "run" if is_last else "checkout",
        "cicd.pipeline.task.run.result": "failure" if failed else "success",
        "com.circleci.step.exit_code": 1 if failed else 0,
        "com.circleci.step.command": COMMAND,
        "com.circleci.step.background": False,
        "com.circleci.step.insignificant": False,
        "com.circleci.step.auto_rerun_number": 0,
        "com.circleci.step.max_auto_reruns": 0,
    }
    middle = begin + (end - begin) / 4
    first, last = (middle, end) if is_last else (begin, middle)
    return span(f"Step: {step['cicd.pipeline.task.name']}", f"{job_id}/0/{number}", step, first, last)
