"""Routes of the fake CircleCI that list pipelines and their workflows.

Source: CircleCI's OpenAPI description of API v2; of v3 what its own clients send and read.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci import responses
from service.testing.fake_circleci.job_routes import V3, v3_error
from service.testing.fake_circleci.organization import ORG, Run
from service.testing.fake_circleci.payloads import Payload, stamp
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.run_filters import WrongFilter, fits
from service.testing.fake_circleci.webhooks import error_response

V2 = "/api/v2"
NEWEST = 250  # pipelines of an organization that API v2 lists
MAX_LIMIT = 20
UNFINISHED = {"running", "failing", "on_hold"}
WORST_FIRST = ("unauthorized", "error", "failing", "running", "on_hold", "failed", "canceled", "success", "not_run")
OUTCOMES = {"success": "succeeded", "error": "errored", "failing": "failed"}  # v2's word: v3's word


class FakePipelines:
    """The pipelines of the fake CircleCI, each with its workflows.

    workflows  the runs by id of the workflow; a later one takes the place of an earlier one
    pages_of   the number of pipelines in one answer of API v2
    updated_at  the times of the last changes that lists of API v2 say, by pipeline; none: they say none
    refuses    a part of a filter that the search does not take
    """

    def __init__(self, workflows: Mapping[str, Run], pages_of: int = 20) -> None:
        self._workflows = workflows
        self.pages_of = pages_of
        self.updated_at: dict[str, datetime] = {}
        self.refuses: str | None = None

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{V2}/pipeline", self._of_organization),
            Route(f"{V2}/project/{{slug:path}}/pipeline", self._of_project),
            Route(f"{V2}/pipeline/{{id}}/workflow", self._workflows_of),
            Route(f"{V3}/runs/search", self._search, methods=["POST"]),
        ]

    def all(self) -> list[Run]:
        """Return the runs, as they were added."""
        return list(self._workflows.values())

    def _newest_first(self) -> list[list[Run]]:
        """Return the workflows of each pipeline, those of the newest pipeline first."""
        found: dict[str, list[Run]] = {}
        for run in self._workflows.values():
            found.setdefault(run.pipeline_id, []).append(run)
        return sorted(found.values(), key=lambda runs: (runs[0].pushed_at, runs[0].number), reverse=True)

    def _v2_item(self, run: Run) -> Payload:
        """Return an item of a list of API v2: a pipeline without trigger parameters."""
        item = {key: value for key, value in responses.pipeline(run).items() if key != "trigger_parameters"}
        changed_at = self.updated_at.get(run.pipeline_id)
        return {**item, "updated_at": stamp(changed_at)} if changed_at else item

    async def _of_organization(self, request: Request) -> Response:
        slug = request.query_params.get("org-slug", "").replace("github/", "gh/")
        if not slug:
            return error_response(400, "org-slug: is required")
        listed = [runs[0] for runs in self._newest_first() if runs[0].project.slug.startswith(f"{slug}/")]
        if not listed and slug != f"gh/{ORG}":
            return error_response(404, "Organization not found")
        return page(request, [self._v2_item(run) for run in listed[:NEWEST]], size=self.pages_of)

    async def _of_project(self, request: Request) -> Response:
        slug = request.path_params["slug"].replace("github/", "gh/", 1)
        listed = [self._v2_item(runs[0]) for runs in self._newest_first() if runs[0].project.slug == slug]
        return page(request, listed, size=self.pages_of) if listed else error_response(404, "Project not found")

    async def _workflows_of(self, request: Request) -> Response:
        found = [run for run in self._workflows.values() if run.pipeline_id == request.path_params["id"]]
        if not found:
            return error_response(404, "Pipeline not found")
        found.sort(key=lambda run: (run.at(0), run.workflow_id), reverse=True)
        return page(request, [responses.workflow(run) for run in found], size=100)

    async def _search(self, request: Request) -> Response:
        try:
            asked = await request.json()
            if self.refuses and self.refuses in asked.get("filter", ""):
                return v3_error(400, "validation_error", f"The filter has {self.refuses}, which is not known")
            limit, scope = int(asked["page"].get("limit", MAX_LIMIT)), asked["scope"]
            if not 1 <= limit <= MAX_LIMIT:
                return v3_error(400, "validation_error", "Invalid page size")
            listed = list(_fitting(self._newest_first(), scope, asked.get("filter", "")))
            start = int(asked["page"].get("cursor", "").removeprefix("after-") or 0)
        except WrongFilter as error:
            return v3_error(400, "validation_error", f"The filter {error}")
        except (ValueError, KeyError, TypeError, AttributeError):
            return v3_error(400, "validation_error", "The request is not a valid search")
        more = f"after-{start + limit}" if start + limit < len(listed) else None
        return JSONResponse(
            {"data": [v3_run(runs) for runs in listed[start : start + limit]], "page": {"next": more, "prev": None}}
        )


def _fitting(every: Iterable[list[Run]], scope: Mapping[str, Any], filter_: str) -> Iterable[list[Run]]:
    since, until = (datetime.fromisoformat(scope[name]) for name in ("from", "to"))
    fits(filter_, dict.fromkeys(_facts_names()))  # a wrong filter is refused, even where nothing is listed
    for runs in every:
        run = runs[0]
        is_within = run.project.id in scope["project_ids"] and since <= run.pushed_at < until
        if is_within and fits(filter_, _facts(runs)):
            yield runs


def _facts_names() -> tuple[str, ...]:
    return (
        *("pipeline.status", "pipeline.number", "pipeline.git.branch", "pipeline.git.tag", "pipeline.git.revision"),
        "pipeline.is_known",
    )


def _facts(runs: list[Run]) -> dict[str, str | int | bool | None]:
    run = runs[0]
    values = (status_of(runs), run.number, run.branch, run.tag, run.revision, True)
    return dict(zip(_facts_names(), values, strict=True))


def status_of(runs: list[Run]) -> str:
    """Return the status of a pipeline: that of its workflow that counts most."""
    newest = {run.workflow: run for run in sorted(runs, key=lambda run: run.attempt)}
    there = {run.status for run in newest.values()}
    return next((status for status in WORST_FIRST if status in there), "success")


def v3_run(runs: list[Run]) -> Payload:
    """Return a run of API v3, which never has an ``outcome``."""
    run, status = runs[0], status_of(runs)
    attributes: Payload = {"number": run.number, "created_at": stamp(run.pushed_at)}
    attributes["phase"] = "started" if status in UNFINISHED else "ended"
    if status not in {"running", "on_hold", "not_run"}:
        attributes["current_outcome"] = OUTCOMES.get(status, status)
    vcs = {
        "provider_name": "github",
        "origin_repository_url": run.project.repository_url,
        "revision": run.revision,
        "commit": {"subject": run.subject, "author": {"name": run.author.name, "login": run.author.login}},
        **({"tag": run.tag} if run.tag else {"branch": run.branch}),
    }
    return {
        "id": run.pipeline_id,
        "attributes": attributes,
        "references": {
            "event": {"attributes": {"type": "push", "vcs": vcs}},
            "trigger": {"attributes": {"event_source": {"type": "webhook"}}},
            "project": {"id": run.project.id},
            "user": {"id": run.author.id, "attributes": {"login": run.author.login}},
        },
    }
