"""Routes of the fake CircleCI for the schedules of projects.

Source: CircleCI's OpenAPI description of API v2: keys have hyphens; unknown keys are dropped silently.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.organization import Person, Project
from service.testing.fake_circleci.payloads import Payload, stamp
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.webhooks import error_response

V2 = "/api/v2"
KEYS = ("name", "description", "parameters", "timetable")
NEEDED = {"name", "parameters", "timetable", "attribution-actor"}
SYSTEM = {"id": "d9b3fcaa-6032-405a-8c75-40079ce33c3e", "login": "system-actor", "name": "Scheduled"}
INVALID = "Invalid request body."


class FakeSchedules:
    """The schedules of all projects.

    registered  by id, as they are answered
    page_size   the number of schedules in one answer
    drops       keys of a request that it drops silently
    """

    def __init__(self, projects: Mapping[str, Project], owner: Person) -> None:
        self._projects = projects
        self._owner = {"id": owner.id, "login": owner.login, "name": owner.name}
        self.registered: dict[str, Payload] = {}
        self.page_size = 20
        self.drops: tuple[str, ...] = ()

    def routes(self) -> list[Route]:
        """Return the routes."""
        of_project, one = f"{V2}/project/{{slug:path}}/schedule", f"{V2}/schedule/{{id}}"
        return [
            Route(of_project, self._list, methods=["GET"]),
            Route(of_project, self._create, methods=["POST"]),
            Route(one, self._show, methods=["GET"]),
            Route(one, self._update, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        slug = _slug(request)
        if slug not in self._projects:
            return error_response(404, "Project not found")
        found = [one for one in self.registered.values() if one["project-slug"] == slug]
        return page(request, found, size=self.page_size)

    async def _create(self, request: Request) -> Response:
        slug, body = _slug(request), await request.json()
        if slug not in self._projects:
            return error_response(404, "Project not found")
        if not isinstance(body, dict) or not set(body) >= NEEDED:
            return error_response(400, INVALID)
        if trouble := _trouble(body):
            return error_response(400, trouble)
        if any(one["name"] == body["name"] and one["project-slug"] == slug for one in self.registered.values()):
            return error_response(400, "A schedule with this name is there already.")
        now = stamp(datetime.now(UTC))
        schedule = {"id": str(uuid4()), "description": None, "project-slug": slug, "created-at": now}
        self.registered[schedule["id"] or ""] = schedule | self._known(body) | {"updated-at": now}
        return JSONResponse(self.registered[schedule["id"] or ""], 201)

    async def _show(self, request: Request) -> Response:
        found = self.registered.get(request.path_params["id"])
        return JSONResponse(found) if found else error_response(404, "Schedule not found")

    async def _update(self, request: Request) -> Response:
        found = self.registered.get(request.path_params["id"])
        if found is None:
            return error_response(404, "Schedule not found")
        body = await request.json()
        if trouble := _trouble(body):
            return error_response(400, trouble)
        found |= self._known(body) | {"updated-at": stamp(datetime.now(UTC))}
        return JSONResponse(found)

    async def _delete(self, request: Request) -> Response:
        if self.registered.pop(request.path_params["id"], None) is None:
            return error_response(404, "Schedule not found")
        return JSONResponse({"message": "Schedule deleted."})

    def _known(self, body: Mapping[str, Any]) -> Payload:
        """Return what CircleCI keeps of a request, and who the schedule runs as."""
        kept = {key: body[key] for key in KEYS if key in body and key not in self.drops}
        if "attribution-actor" in body:
            kept["actor"] = SYSTEM if body["attribution-actor"] == "system" else self._owner
        return kept


def _trouble(body: Mapping[str, Any]) -> str | None:
    """Return the fault of a request, or None."""
    if "timetable" in body:
        times = body["timetable"]
        if not isinstance(times, dict) or not {"per-hour", "hours-of-day"} <= set(times):
            return INVALID
        if bool(times.get("days-of-week")) == bool(times.get("days-of-month")):
            return "timetable: give days-of-week or days-of-month"
    if "parameters" in body and bool(body["parameters"].get("branch")) == bool(body["parameters"].get("tag")):
        return "parameters: give branch or tag"
    if body.get("attribution-actor", "system") not in {"current", "system"}:
        return INVALID
    return None


def _slug(request: Request) -> str:
    slug: str = request.path_params["slug"]
    return "gh/" + slug.removeprefix("github/") if slug.startswith("github/") else slug
