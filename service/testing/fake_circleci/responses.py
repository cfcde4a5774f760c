"""Answers of CircleCI's API v2 about a run: a pure function for each kind.

Source: CircleCI's OpenAPI description of API v2. Unlike webhooks, slugs begin with ``gh/``. Durations are milliseconds.
"""

from collections.abc import Sequence
from itertools import pairwise

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.testing.fake_circleci.organization import ORG, ORG_ID, JobRun, Person, Project, Run, TestResult
from service.testing.fake_circleci.payloads import Payload, stamp, trigger_parameters

TRIGGERS = {"schedule": "scheduled_pipeline"}  # webhook's word: the API's word
SYSTEM_USER = "00000000-0000-0000-0000-000000000000"  # the starter of scheduled runs; GET /user/{id} answers 404


def user(person: Person) -> Payload:
    """Return the answer to ``GET /user/{id}`` and ``GET /me``."""
    return {"id": person.id, "login": person.login, "name": person.name}


def branches(project: Project, names: Sequence[str]) -> Payload:
    """Return the answer to ``GET /insights/{slug}/branches``."""
    return {"org_id": ORG_ID, "project_id": project.id, "branches": list(names)}


def project(project: Project) -> Payload:
    """Return the answer to ``GET /project/{slug}``."""
    vcs_url = f"//circleci.com/{ORG_ID}/{project.id}" if project.is_app else project.repository_url
    return {
        "id": project.id,
        "name": project.name,
        "slug": project.slug,
        "organization_id": ORG_ID,
        "organization_name": ORG,
        "organization_slug": project.slug.rpartition("/")[0],
        "vcs_info": {
            "provider": "CircleCI" if project.is_app else "GitHub",
            "vcs_url": vcs_url,
            "default_branch": "main",
        },
    }


def workflow(run: Run) -> Payload:
    """Return the answer to ``GET /workflow/{id}``; keys without a value are absent."""
    number, most = run.auto_reruns
    facts = {
        "auto_rerun_number": number,
        "max_auto_reruns": most,
        "tag": "setup" if run.is_setup else "",
    }
    return {
        **{name: value for name, value in facts.items() if value},
        "id": run.workflow_id,
        "name": run.workflow,
        "status": run.status,
        "pipeline_id": run.pipeline_id,
        "pipeline_number": run.number,
        "project_slug": run.project.slug,
        "started_by": run.starter.id if run.starter else SYSTEM_USER,
        "created_at": stamp(run.at(0)),
        **({} if run.is_unfinished else {"stopped_at": stamp(run.stopped_at)}),
    }


def workflow_jobs(run: Run) -> list[Payload]:
    """Return the items of ``GET /workflow/{id}/job``."""
    needs = {after.name: [run.job_id(before)] for before, after in pairwise(run.jobs)}
    return [_listed(run, job) | {"dependencies": needs.get(job.name, [])} for job in run.jobs]


def _listed(run: Run, job: JobRun) -> Payload:
    entry: Payload = {
        "id": run.job_id(job),
        "name": job.name,
        "type": "approval" if job.is_approval else "build",
        "status": job.status,
        "project_slug": run.project.slug,
        "started_at": stamp(run.at(job.starts_s)),
    }
    if job.is_approval:
        entry["approval_request_id"] = approval_request_id(run, job)
    if job.approved_by is not None:
        entry["approved_by"] = job.approved_by.id
    if job.number is not None:
        entry |= {"job_number": job.number, "stopped_at": stamp(run.at(job.starts_s + job.lasts_s))}
    return entry


def approval_request_id(run: Run, job: JobRun) -> str:
    """Return the id by which an approval is given."""
    return run.job_id(job)


def pipeline(run: Run) -> Payload:
    """Return the answer to ``GET /pipeline/{id}``.

    Only this answer names the tag of a GitHub OAuth run.
    """
    actor = {"login": run.starter.login if run.starter else "system-actor", "avatar_url": ""}
    answer: Payload = {
        "id": run.pipeline_id,
        "number": run.number,
        "project_slug": run.project.slug,
        "state": "created",
        "errors": [],
        "created_at": stamp(run.pushed_at),
        "updated_at": stamp(run.pushed_at),
        "trigger": {
            "type": TRIGGERS.get(run.trigger, run.trigger),
            "received_at": stamp(run.pushed_at),
            "actor": actor,
        },
    }
    if run.project.is_app:
        return answer | {"trigger_parameters": trigger_parameters(run)}
    return answer | {"vcs": _vcs(run)}


def _vcs(run: Run) -> Payload:
    place = {"tag": run.tag} if run.tag else {"branch": run.branch}
    review = {}
    if run.pull_request:
        page = f"{run.project.repository_url}/pull/{run.pull_request}"
        review = {"review_id": str(run.pull_request), "review_url": page}
    return {
        "provider_name": "GitHub",
        "origin_repository_url": run.project.repository_url,
        "target_repository_url": run.project.repository_url,
        "revision": run.revision,
        "commit": {"subject": run.subject, "body": ""},
        **place,
        **review,
    }


def values(run: Run) -> Payload:
    """Return the answer to ``GET /pipeline/{id}/values``.

    Only this answer names the pull request of a GitHub App run.
    """
    answer: Payload = {"pipeline.number": run.number, "pipeline.git.repo_url": run.project.repository_url}
    if run.branch:
        answer["pipeline.git.branch"] = run.branch
    if run.pull_request and run.project.is_app:
        answer["pipeline.event.context.github.pr_url"] = f"{run.project.repository_url}/pull/{run.pull_request}"
    return answer


def job(run: Run, job: JobRun) -> Payload:
    """Return the answer to ``GET /project/{slug}/job/{number}``."""
    began = stamp(run.at(job.starts_s))
    return {
        "name": job.name,
        "number": job.number,
        "status": job.status,
        "web_url": f"{run.url}/jobs/{job.number}",
        "duration": job.lasts_s * 1000,
        "created_at": began,
        "queued_at": began,
        "started_at": began,
        "stopped_at": stamp(run.at(job.starts_s + job.lasts_s)),
        "parallelism": 1,
        "parallel_runs": [{"index": 0, "status": job.status}],
        "executor": {"type": "docker", "resource_class": "medium"},
        "messages": [{"type": "error", "message": message} for message in job.messages],
        "contexts": [],
        "organization": {"name": ORG},
        "pipeline": {"id": run.pipeline_id},
        "latest_workflow": {"id": run.workflow_id, "name": run.workflow},
        "project": {
            "id": run.project.id,
            "slug": run.project.slug,
            "name": run.project.name,
            "external_url": run.project.repository_url,
        },
    }


def test(result: TestResult) -> Payload:
    """Return one item of ``GET /project/{slug}/{number}/tests``."""
    return {
        "name": result.name,
        "classname": result.class_name,
        "file": result.file,
        "result": result.result,
        "message": result.message,
        "run_time": result.run_time_s,
        "source": "unittest",
    }


def page(request: Request, items: list[Payload], *, size: int) -> Response:
    """Return the page of a list that the request asks for.

    ``next_page_token`` goes out and comes back as ``page-token``, opaque to the client.
    """
    token = request.query_params.get("page-token", "after-0")
    start = token.removeprefix("after-")
    if not start.isdecimal():
        return JSONResponse({"message": "page-token: not a valid token"}, 400)

    end = int(start) + size
    more = f"after-{end}" if end < len(items) else None
    return JSONResponse({"items": items[int(start) : end], "next_page_token": more})
