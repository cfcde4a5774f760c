"""The endpoints of the API that act on builds at CircleCI."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.config.hooked_projects import project_slug
from service.db.database import Store
from service.errors import BadRequest
from service.model.build_acts import ActOutcome, ActResult, ActVerb, BuildAct, Trigger
from service.operations.builds.act_subjects import find_workflow
from service.operations.builds.build_acts import Recorder, act_on_build, result_json
from service.operations.builds.triggers import VERB, trigger_pipeline
from service.web.auth.access import Access
from service.web.build_acts import ActingSource, as_refusal
from service.web.json_body import read_object

MAX_NAME = 500


@dataclass(frozen=True, kw_only=True)
class BuildActsApi:
    """The endpoints that act on builds, each of which needs the admin token."""

    store: Store
    access: Access
    clock: Callable[[], datetime]
    source: ActingSource

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/api/v1/runs/{id}/rerun", self.rerun, methods=["POST"]),
            Route("/api/v1/runs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/v1/runs/{id}/approve", self.approve, methods=["POST"]),
            Route("/api/v1/trigger", self.trigger, methods=["POST"]),
        ]

    async def rerun(self, request: Request) -> Response:
        """Run a workflow again at CircleCI."""
        who = await self.access.require(request)
        asked = await _read(request, {"from_failed": bool})
        return await self._act(request, who, ActVerb.RERUN_FAILED if asked.get("from_failed") else ActVerb.RERUN)

    async def cancel(self, request: Request) -> Response:
        """Cancel a workflow at CircleCI, or one job of it."""
        who = await self.access.require(request)
        job = (await _read(request, {"job": str})).get("job") or None
        return await self._act(request, who, ActVerb.CANCEL_JOB if job else ActVerb.CANCEL, job)

    async def approve(self, request: Request) -> Response:
        """Approve a job that waits for it at CircleCI."""
        who = await self.access.require(request)
        return await self._act(request, who, ActVerb.APPROVE, (await _read(request, {"job": str})).get("job") or None)

    async def trigger(self, request: Request) -> Response:
        """Start a pipeline at CircleCI."""
        who = await self.access.require(request)
        trigger = parse_trigger(await _read(request, TRIGGER))
        recorder = Recorder(store=self.store, clock=self.clock, who=who)
        return _answer(await as_refusal(trigger_pipeline(self.source.api, trigger, recorder)), VERB)

    async def _act(self, request: Request, who: str, verb: ActVerb, job: str | None = None) -> Response:
        workflow_id, _ = await find_workflow(self.store, request.path_params["id"])
        act = BuildAct(verb=verb, workflow_id=workflow_id, job=job)
        recorder = Recorder(store=self.store, clock=self.clock, who=who)
        return _answer(await as_refusal(act_on_build(self.source.api, act, recorder)), verb)


TRIGGER: Mapping[str, type] = {"project": str, "branch": str, "tag": str, "parameters": dict, "definition": str}


async def _read(request: Request, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Return the fields of a body without nulls. Raises BadRequest."""
    asked = await read_object(request, may_be_empty=True)
    if unknown := next((name for name in asked if name not in kinds), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = asked.get(name)
        if value is not None and not isinstance(value, kind):
            raise BadRequest(f"{name} is of the wrong kind; see the OpenAPI document")
        if isinstance(value, str) and len(value) > MAX_NAME:
            raise BadRequest(f"{name} may have {MAX_NAME} characters, and this one has {len(value)}; shorten it")
    return {name: value for name, value in asked.items() if value is not None}


def parse_trigger(asked: dict[str, Any]) -> Trigger:
    """Return the pipeline that is asked for. Raises BadRequest."""
    try:
        slug = project_slug(asked.get("project", ""))
    except ValueError as error:
        raise BadRequest(f"project: {error}") from error
    parameters = asked.get("parameters", {})
    if not all(isinstance(value, str | bool | int) for value in parameters.values()):
        raise BadRequest("parameters are texts, whole numbers, true or false")
    return Trigger(
        project=slug,
        branch=asked.get("branch") or None,
        tag=asked.get("tag") or None,
        parameters=parameters,
        definition_id=asked.get("definition") or None,
    )


def _answer(result: ActResult, verb: str) -> Response:
    """Answer 200 where it was done, else 409: programs try other statuses again."""
    shape = result_json(result, verb)
    if result.outcome is ActOutcome.DONE:
        return JSONResponse(shape)
    return JSONResponse({"error": result.sentence, **shape}, status_code=HTTPStatus.CONFLICT)
