"""A fake CircleCI: a server application for the parts of its API that we call.

Its answers of v2 follow CircleCI's own OpenAPI description, those of v3 CircleCI's own clients, so that the demo and
the tests can rely on them.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci import responses
from service.testing.fake_circleci.actions_routes import FakeActions
from service.testing.fake_circleci.artifacts_routes import FakeArtifacts
from service.testing.fake_circleci.exporter_routes import FakeExporters
from service.testing.fake_circleci.faults import Faults
from service.testing.fake_circleci.insights_routes import FakeInsights
from service.testing.fake_circleci.job_routes import FakeJobs, v3_error
from service.testing.fake_circleci.organization import JobRun, Person, Project, Run, TestResult
from service.testing.fake_circleci.organization_routes import FakeOrganizations
from service.testing.fake_circleci.pipelines_routes import FakePipelines
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.schedules_routes import FakeSchedules
from service.testing.fake_circleci.settings_routes import FakeSettings
from service.testing.fake_circleci.usage_routes import FakeUsage
from service.testing.fake_circleci.webhooks import FakeWebhooks, error_response

PREFIX = "/api/v2"
RATE_LIMIT = {"RateLimit-Limit": "300", "RateLimit-Remaining": "299", "RateLimit-Reset": "1"}
RATE_LIMIT_V3 = {"RateLimit-Policy": '"default";q=300;w=60', "RateLimit": '"default";r=299;t=1'}
VERSION = re.compile(r"/api/(v[0-9.]+)(?=/)")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that was received.

    path      below ``/api/v2``, ``/api/v3`` and so on, decoded
    version   of the API: ``v2``; empty for the storage of logs
    headers   by name in lower case
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    version: str = "v2"


class FakeCircleCI:
    """The fake CircleCI, which answers about the runs that were added to it.

    token          may do everything
    reader_token   may read, but not change hooks, as a token of no organization admin
    page_size      the number of tests or jobs in one answer
    app            the ASGI application, for a server
    calls          every call so far
    faults         the faults of the next calls
    hooks          the registered webhooks
    organizations  the organizations of the owner, with their projects
    build_files    the configurations of pipelines, and the artifacts of jobs
    insights       the figures of Insights
    usage          the usage exports
    exporters      the OpenTelemetry exporters
    settings       what guards the builds
    jobs           the jobs of these runs; likewise their pipelines, the acts on them, and the schedules
    deleted_branches  those that it lists in no project
    has_v3         False: it has API v2 and v1.1 alone, as a CircleCI Server
    """

    def __init__(
        self,
        *,
        token: str,
        owner: Person,
        projects: Iterable[Project] = (),
        reader_token: str | None = None,
        page_size: int = 100,
    ) -> None:
        self.calls: list[Call] = []
        self.faults = Faults()
        self._tokens = {token, reader_token} - {None}
        self._reader_token = reader_token
        self._owner = owner
        self._page_size = page_size
        self._users = {owner.id: owner}
        self._projects = {project.slug: project for project in projects}
        self._workflows: dict[str, Run] = {}
        self.pipelines = FakePipelines(self._workflows)
        self.actions = FakeActions(self._workflows, projects=self._projects, owner=owner, add=self.run_finished)
        self.schedules = FakeSchedules(self._projects, owner)
        self.deleted_branches: set[str] = set()
        self._pipelines: dict[str, Run] = {}
        self.has_v3 = True
        self.organizations = FakeOrganizations(self._projects)
        self.exporters = FakeExporters()
        self.jobs = FakeJobs(self._tests_by_now)
        self._asked_for_tests: dict[str, int] = {}
        self.build_files = FakeArtifacts(
            self._pipelines.get, lambda *at: self.jobs.by_number.get(at), page_size=page_size
        )
        self.insights = FakeInsights(self._workflows.values, self._projects.get)
        self.usage = FakeUsage(self._workflows.values)
        self._project_ids = {project.id for project in self._projects.values()}
        self.hooks = FakeWebhooks(self._project_ids)
        self.settings = FakeSettings(self._projects, owner)
        self.app = self._build_app()

    @property
    def runs(self) -> list[Run]:
        """Every run that it knows, as it is now."""
        return list(self._workflows.values())

    def run_finished(self, run: Run) -> None:
        """Add a run: its pipeline, workflow, jobs, tests, and the user who started it."""
        self._pipelines[run.pipeline_id] = run
        self._workflows[run.workflow_id] = run
        self._projects.setdefault(run.project.slug, run.project)
        self._project_ids.add(run.project.id)
        if run.starter:
            self._users[run.starter.id] = run.starter
        self._users |= {job.approved_by.id: job.approved_by for job in run.jobs if job.approved_by}
        self.jobs.add(run)

    def _build_app(self) -> Starlette:
        routes = [
            *self.settings.routes(),
            Route(f"{PREFIX}/me", self._me),
            Route(f"{PREFIX}/user/{{id}}", self._user),
            Route(f"{PREFIX}/workflow/{{id}}", self._workflow),
            Route(f"{PREFIX}/workflow/{{id}}/job", self._workflow_jobs),
            *self.build_files.routes(PREFIX),
            *self.actions.routes(),
            *self.schedules.routes(),
            *self.pipelines.routes(),
            Route(f"{PREFIX}/pipeline/{{id}}", self._pipeline),
            Route(f"{PREFIX}/pipeline/{{id}}/values", self._values),
            Route(f"{PREFIX}/project/{{slug:path}}/job/{{number:int}}", self._job),
            Route(f"{PREFIX}/project/{{slug:path}}/{{number:int}}/tests", self._tests),
            Route(f"{PREFIX}/project/{{slug:path}}", self._project),
            Route(f"{PREFIX}/insights/{{slug:path}}/branches", self._branches),
            *self.jobs.routes(),
            *self.organizations.routes(),
            *self.exporters.routes(PREFIX),
            *self.hooks.routes(PREFIX),
            *self.usage.routes(PREFIX),
            *self.insights.routes(PREFIX),
        ]
        door = Middleware(BaseHTTPMiddleware, dispatch=self._intercept)
        app = Starlette(routes=routes, middleware=[door], exception_handlers={404: _no_such_address})
        app.router.redirect_slashes = False
        return app

    async def _intercept(self, request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        found = VERSION.match(request.url.path)
        path = request.url.path.removeprefix(found[0] if found else "")
        call = Call(
            method=request.method,
            path=path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            version=found[1] if found else "",
        )
        self.calls.append(call)

        fault = self.faults.take(path)
        if fault and fault.gate:
            await fault.gate.wait()
        if fault and fault.status:
            response = Response(fault.body, fault.status, media_type=fault.media_type)
        else:
            response = self._refusal(call) or await proceed(request)
        limits = RATE_LIMIT_V3 if call.version == "v3" else RATE_LIMIT if call.version else {}
        response.headers.update(limits | dict(fault.headers if fault else {}))
        return response

    def _refusal(self, call: Call) -> Response | None:
        if not call.version:  # the storage of logs knows no token, and refuses one
            return None
        if call.version == "v3" and not self.has_v3:
            return error_response(404, "Not found")
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        token = call.headers.get("circle-token", bearer)
        if token not in self._tokens:
            words = "Invalid token provided." if token else "You must log in first."
            return v3_error(401, "unauthorized", words) if call.version == "v3" else error_response(401, words)
        if token == self._reader_token and call.method != "GET" and call.path != "/runs/search":
            return error_response(403, "Permission denied.")
        return None

    async def _me(self, _: Request) -> Response:
        return JSONResponse(responses.user(self._owner))

    async def _user(self, request: Request) -> Response:
        user = self._users.get(request.path_params["id"])
        return JSONResponse(responses.user(user)) if user else error_response(404, "User not found")

    async def _workflow(self, request: Request) -> Response:
        run = self._workflows.get(request.path_params["id"])
        return JSONResponse(responses.workflow(run)) if run else error_response(404, "Workflow not found")

    async def _workflow_jobs(self, request: Request) -> Response:
        run = self._workflows.get(request.path_params["id"])
        if run is None:
            return error_response(404, "Workflow not found")
        return page(request, responses.workflow_jobs(run), size=self._page_size)

    async def _pipeline(self, request: Request) -> Response:
        run = self._pipelines.get(request.path_params["id"])
        return JSONResponse(responses.pipeline(run)) if run else error_response(404, "Pipeline not found")

    async def _values(self, request: Request) -> Response:
        run = self._pipelines.get(request.path_params["id"])
        return JSONResponse(responses.values(run)) if run else error_response(404, "Pipeline not found")

    async def _project(self, request: Request) -> Response:
        project = self.organizations.find(_slug(request))
        return JSONResponse(responses.project(project)) if project else error_response(404, "Project not found")

    async def _branches(self, request: Request) -> Response:
        project = self._projects.get(_slug(request))
        if project is None:
            return error_response(404, "Project not found")
        known = {run.branch for run in self._workflows.values() if run.project == project and run.branch}
        return JSONResponse(responses.branches(project, sorted(known - self.deleted_branches)))

    async def _job(self, request: Request) -> Response:
        run, job = self.jobs.by_number.get((_slug(request), request.path_params["number"]), (None, None))
        return JSONResponse(responses.job(run, job)) if run and job else error_response(404, "Job not found")

    async def _tests(self, request: Request) -> Response:
        run, job = self.jobs.by_number.get((_slug(request), request.path_params["number"]), (None, None))
        if run is None or job is None:
            return error_response(404, "Job not found")

        return page(request, [responses.test(one) for one in self._tests_by_now(run, job)], size=self._page_size)

    def _tests_by_now(self, run: Run, job: JobRun) -> tuple[TestResult, ...]:
        times = self._asked_for_tests[run.job_id(job)] = self._asked_for_tests.get(run.job_id(job), 0) + 1
        return job.tests if times > job.tests_late_by else ()


def _slug(request: Request) -> str:
    """Return the slug in CircleCI's short form.

    A request may have the long or the short form, with ``/`` or ``%2F``.
    """
    slug: str = request.path_params["slug"]
    return "gh/" + slug.removeprefix("github/") if slug.startswith("github/") else slug


async def _no_such_address(_: Request, _error: Exception) -> Response:
    return error_response(404, "Not found")
