"""Routes of the fake CircleCI that act on builds: rerun, cancel, approve, trigger.

Source: CircleCI's OpenAPI description of API v2. ``pipeline/run`` answers 201 where it started a pipeline, and 200 with
a message where it did not.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid3

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci import responses
from service.testing.fake_circleci.organization import JobRun, Person, Project, Run
from service.testing.fake_circleci.payloads import stamp
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.webhooks import error_response

V2 = "/api/v2"
ACCEPTED = {"message": "Accepted."}
FAILED = {"failed", "error", "canceled", "unauthorized"}


class FakeActions:
    """The acts on builds.

    workflows      the runs by id of their workflow, which an act changes
    add            adds a run that an act started
    skips          the message with which ``pipeline/run`` starts nothing; None: it starts a pipeline
    has_run_route  False: it has no ``pipeline/run``, as a CircleCI Server before 4.8
    definitions    the pipelines of each project by its id, as CircleCI lists them
    approved       the ids of approval requests, each with the id of the person who approved it
    """

    def __init__(
        self,
        workflows: dict[str, Run],
        *,
        projects: Mapping[str, Project],
        owner: Person,
        add: Callable[[Run], None],
    ) -> None:
        self._workflows = workflows
        self._projects = projects
        self._owner = owner
        self._add = add
        self.skips: str | None = None
        self.has_run_route = True
        self.approved: dict[str, str] = {}
        self.definitions: dict[str, list[dict[str, str]]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{V2}/workflow/{{id}}/rerun", self._rerun, methods=["POST"]),
            Route(f"{V2}/workflow/{{id}}/cancel", self._cancel, methods=["POST"]),
            Route(f"{V2}/workflow/{{id}}/approve/{{request_id}}", self._approve, methods=["POST"]),
            Route(f"{V2}/project/{{slug:path}}/job/{{number:int}}/cancel", self._cancel_job, methods=["POST"]),
            Route(f"{V2}/project/{{slug:path}}/pipeline/run", self._run_pipeline, methods=["POST"]),
            Route(f"{V2}/project/{{slug:path}}/pipeline", self._trigger, methods=["POST"]),
            Route(f"{V2}/project/{{slug:path}}/pipeline/mine", self._mine),
            Route(f"{V2}/projects/{{id}}/pipeline-definitions", self._definitions),
        ]

    async def _rerun(self, request: Request) -> Response:
        run = self._workflows.get(request.path_params["id"])
        if run is None:
            return error_response(404, "Workflow not found")
        body = await request.json() if await request.body() else {}
        if body.get("from_failed") and run.status not in FAILED:
            return error_response(400, "Only workflows that have failed can be rerun from failed.")
        attempts = [one.attempt for one in self._workflows.values() if one.pipeline_id == run.pipeline_id]
        rerun = replace(run, attempt=max(attempts) + 1, status="running", waited_s=run.waited_s + 600)
        self._add(rerun)
        return JSONResponse({"workflow_id": rerun.workflow_id}, 202)

    async def _cancel(self, request: Request) -> Response:
        run = self._workflows.get(request.path_params["id"])
        if run is None:
            return error_response(404, "Workflow not found")
        if run.is_unfinished:
            self._workflows[run.workflow_id] = replace(run, status="canceled")
        return JSONResponse(ACCEPTED, 202)

    async def _approve(self, request: Request) -> Response:
        run = self._workflows.get(request.path_params["id"])
        job = next(
            (one for one in held_jobs(run) if self._request_id(run, one) == request.path_params["request_id"]), None
        )
        if run is None or job is None:
            return error_response(404, "Approval request not found")
        self.approved[request.path_params["request_id"]] = self._owner.id
        jobs = tuple(replace(one, status="success", approved_by=self._owner) if one is job else one for one in run.jobs)
        self._workflows[run.workflow_id] = replace(run, status="running", jobs=jobs)
        return JSONResponse(ACCEPTED, 202)

    @staticmethod
    def _request_id(run: Run | None, job: JobRun) -> str | None:
        return responses.approval_request_id(run, job) if run else None

    async def _cancel_job(self, request: Request) -> Response:
        slug, number = request.path_params["slug"], request.path_params["number"]
        for run in self._workflows.values():
            if run.project.slug == slug.replace("github/", "gh/", 1) and any(job.number == number for job in run.jobs):
                return JSONResponse({"message": "Job canceled successfully."})
        return error_response(404, "Job not found")

    async def _run_pipeline(self, request: Request) -> Response:
        if not self.has_run_route:
            return error_response(404, "Not found")
        body = await request.json()
        if self.skips is not None:
            return JSONResponse({"message": self.skips})
        if unknown := sorted(set(body) - {"definition_id", "config", "checkout", "parameters"}):
            return error_response(400, f"Unexpected field {unknown[0]}")
        return self._start(request, body.get("checkout") or {})

    async def _trigger(self, request: Request) -> Response:
        return self._start(request, await request.json())

    def _start(self, request: Request, place: Mapping[str, Any]) -> Response:
        project = self._projects.get(request.path_params["slug"].replace("github/", "gh/", 1))
        if project is None:
            return error_response(404, "Project not found")
        if {"branch", "tag"} <= set(place):
            return error_response(400, "branch and tag are mutually exclusive")
        numbers = [run.number for run in self._workflows.values() if run.project == project]
        run = Run(
            project=project,
            number=max(numbers, default=0) + 1,
            author=self._owner,
            subject="Started by the API",
            pushed_at=datetime.now(UTC),
            status="running",
            branch=None if "tag" in place else place.get("branch", "main"),
            tag=place.get("tag"),
            trigger="api",
        )
        self._add(run)
        made = {"id": run.pipeline_id, "number": run.number, "state": "pending", "created_at": stamp(run.pushed_at)}
        return JSONResponse(made, 201)

    async def _definitions(self, request: Request) -> Response:
        if not self.has_run_route:
            return error_response(404, "Not found")
        id_ = request.path_params["id"]
        found = self.definitions.get(id_, [{"id": str(uuid3(NAMESPACE_URL, id_)), "name": "build-and-test"}])
        return page(request, found, size=20)

    async def _mine(self, request: Request) -> Response:
        slug = request.path_params["slug"].replace("github/", "gh/", 1)
        if slug not in self._projects:
            return error_response(404, "Project not found")
        own = [run for run in self._workflows.values() if run.project.slug == slug and run.starter == self._owner]
        newest = sorted({run.pipeline_id: run for run in own}.values(), key=lambda run: run.number, reverse=True)
        items = [responses.pipeline(run) for run in newest]
        return page(request, [{k: v for k, v in one.items() if k != "trigger_parameters"} for one in items], size=20)


def held_jobs(run: Run | None) -> list[JobRun]:
    """Return the approvals of a run that wait."""
    return [job for job in run.jobs if job.is_approval and job.status == "on_hold"] if run else []
