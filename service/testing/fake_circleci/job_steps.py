"""Steps, logs and test results of jobs, as API v3 and v1.1 answer. Pure.

Source: CircleCI's own clients of API v3 (its command line and its plugin for JetBrains); the docs of API v1.1.
"""

import json
from collections.abc import Iterator

from service.testing.fake_circleci.organization import JobRun, Run, TestResult, stable_id
from service.testing.fake_circleci.payloads import Payload, stamp

OUTCOMES = {"success": "succeeded", "error": "errored"}  # v2's word: v3's word
SPIN_UP, RUN_STEP = 0, 103  # a step's number is not its position
LINES_AT_ONCE = 500
LOG_LIMIT = 400_000  # bytes of a step's log that API v1.1 keeps; then it says "truncated"


def has_run(job: JobRun) -> bool:
    """Return whether a job has steps: approvals and jobs that never ran have none."""
    return job.number is not None


def has_failed(job: JobRun) -> bool:
    """Return whether a step of a job failed."""
    return job.status in {"failed", "timedout", "infrastructure_fail"}


def v3_job(run: Run, job: JobRun) -> Payload:
    """Return the answer to ``GET /jobs/{id}``; attributes without a value are absent."""
    attributes: Payload = {"name": job.name, "type": "approval" if job.is_approval else "build", "phase": "queued"}
    if has_run(job):
        attributes |= {
            "number": job.number,
            "phase": "ended",
            "outcome": OUTCOMES.get(job.status, job.status),
            "started_at": stamp(run.at(job.starts_s)),
            "ended_at": stamp(run.at(job.starts_s + job.lasts_s)),
            "parallel_executions": [{"steps": [_v3_step(run, job, step) for step in _steps(job)]}],
        }
    references = {"project": {"id": run.project.id}, "workflow": {"id": run.workflow_id}}
    return {
        "data": {
            "id": run.job_id(job),
            "attributes": attributes,
            "references": {**references, "pipeline": {"id": run.pipeline_id}},
        }
    }


def _steps(job: JobRun) -> list[Payload]:
    """Return the steps in our own words; an environment that fails runs no step."""
    is_broken = job.status == "infrastructure_fail"
    status = job.status if has_failed(job) else "success"
    first = {"num": SPIN_UP, "name": "Spin up environment", "type": "infrastructure"}
    steps = [{**first, "status": status if is_broken else "success"}]
    if not is_broken:
        code = {} if status == "timedout" else {"exit_code": job.exit_code if has_failed(job) else 0}
        steps.append({"num": RUN_STEP, "name": job.step, "type": "run", "status": status, **code})
    return steps


def _v3_step(run: Run, job: JobRun, step: Payload) -> Payload:
    answer = {key: value for key, value in step.items() if key != "status"}
    answer |= {"phase": "ended", "outcome": OUTCOMES.get(step["status"], step["status"])}
    answer |= {"started_at": stamp(run.at(job.starts_s)), "ended_at": stamp(run.at(job.starts_s + job.lasts_s))}
    if step["type"] == "run":
        answer |= {"command": "make test", "stdout_bytes": len(job.log.encode()), "stderr_bytes": 0}
    return answer


def test_lines(tests: tuple[TestResult, ...]) -> Iterator[bytes]:
    """Yield the answer to ``GET /jobs/{id}/tests`` of API v3: lines that name no file."""
    for start in range(0, len(tests), LINES_AT_ONCE):
        yield "".join(map(_test_line, tests[start : start + LINES_AT_ONCE])).encode()


def _test_line(test: TestResult) -> str:
    line = {
        "classname": test.class_name,
        "name": test.name,
        "result": test.result,
        "run_time": test.run_time_s,
        "message": test.message,
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


test_lines.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def v1_build(run: Run, job: JobRun, *, storage_url: str) -> Payload:
    """Return the answer to ``GET /project/{slug}/{number}`` of API v1.1."""
    return {
        "build_num": job.number,
        "status": job.status,
        "outcome": job.status,
        "workflows": {"job_name": job.name, "workflow_id": run.workflow_id, "workflow_name": run.workflow},
        "steps": [{"name": step["name"], "actions": [_v1_action(run, job, step, storage_url)]} for step in _steps(job)],
    }


def _v1_action(run: Run, job: JobRun, step: Payload, storage_url: str) -> Payload:
    has_output = bool(job.log) and step["type"] == "run"
    action: Payload = {
        "index": 0,
        "step": step["num"],
        "name": step["name"],
        "type": "test" if step["type"] == "run" else "infrastructure",
        "status": step["status"],
        "failed": True if step["status"] == "failed" else None,
        "timedout": True if step["status"] == "timedout" else None,
        "infrastructure_fail": True if step["status"] == "infrastructure_fail" else None,
        "exit_code": step.get("exit_code"),
        "has_output": has_output,
        "truncated": has_output and len(job.log.encode()) > LOG_LIMIT,
    }
    if has_output:
        action["output_url"] = f"{storage_url}/{run.job_id(job)}?X-Amz-Signature={signature_of(run, job)}"
    return action


def signature_of(run: Run, job: JobRun) -> str:
    """Return the signature that the address of a log carries: it is the credential."""
    return stable_id("signature", run.job_id(job)).replace("-", "")


def log_records(job: JobRun) -> list[Payload]:
    """Return the log as its storage has it; what is beyond the limit is lost."""
    kept = job.log.encode()[:LOG_LIMIT].decode(errors="ignore")
    return [{"type": "out", "time": "2026-03-02T09:10:00.000Z", "message": line} for line in kept.splitlines(True)]
