"""The part of the pretend CircleCI that keeps outbound webhooks: at most five for a project, https only.

Source: CircleCI's OpenAPI description of API v2, "webhook", and its docs, "Outbound webhooks" for the limit.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.paging import page
from service.demo.payloads import Payload, stamp

MOST_FOR_A_PROJECT = 5
EVENTS = {"workflow-completed", "job-completed"}
SHAPE: dict[str, type] = {"name": str, "events": list, "url": str, "verify-tls": bool, "signing-secret": str}


def refuse(status: int, message: str) -> JSONResponse:
    """An error as CircleCI puts it."""
    return JSONResponse({"message": message}, status)


class PretendHooks:
    """The hooks of all projects.

    registered   by id, with the signing secret as it was given: CircleCI shows a masked one
    """

    def __init__(self, project_ids: Collection[str]) -> None:
        self._project_ids = project_ids
        self.registered: dict[str, Payload] = {}

    def routes(self, prefix: str) -> list[Route]:
        """The addresses of the webhook API."""
        one = f"{prefix}/webhook/{{id}}"
        return [
            Route(f"{prefix}/webhook", self._list, methods=["GET"]),
            Route(f"{prefix}/webhook", self._create, methods=["POST"]),
            Route(one, self._read, methods=["GET"]),
            Route(one, self._update, methods=["PUT"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    def of_project(self, project_id: str) -> list[Payload]:
        """The hooks of one project, oldest first."""
        return [hook for hook in self.registered.values() if hook["scope"]["id"] == project_id]

    async def _list(self, request: Request) -> Response:
        project_id = request.query_params.get("scope-id", "")
        if request.query_params.get("scope-type") != "project":
            return refuse(400, "scope-type: must be project")
        if project_id not in self._project_ids:
            return refuse(404, "Project not found")
        return page(request, [masked(hook) for hook in self.of_project(project_id)], size=20)

    async def _create(self, request: Request) -> Response:
        wish = await request.json()
        scope = wish.get("scope", {})
        if trouble := problem(wish, needed=SHAPE):
            return refuse(400, trouble)
        if scope.get("type") != "project" or scope.get("id") not in self._project_ids:
            return refuse(404, "Project not found")
        if len(self.of_project(scope["id"])) >= MOST_FOR_A_PROJECT:
            return refuse(400, f"A project can have at most {MOST_FOR_A_PROJECT} webhooks")

        now = stamp(datetime.now(UTC))
        hook = {"id": str(uuid4()), **wish, "created-at": now, "updated-at": now}
        self.registered[hook["id"]] = hook
        return JSONResponse(masked(hook), 201)

    async def _read(self, request: Request) -> Response:
        hook = self.registered.get(request.path_params["id"])
        return JSONResponse(masked(hook)) if hook else refuse(404, "Webhook not found")

    async def _update(self, request: Request) -> Response:
        hook = self.registered.get(request.path_params["id"])
        if hook is None:
            return refuse(404, "Webhook not found")
        wish = await request.json()
        if trouble := problem(wish, needed=()):
            return refuse(400, trouble)

        hook |= {key: wish[key] for key in SHAPE if key in wish}  # a hook cannot move to another project
        hook["updated-at"] = stamp(datetime.now(UTC))
        return JSONResponse(masked(hook))

    async def _delete(self, request: Request) -> Response:
        if self.registered.pop(request.path_params["id"], None) is None:
            return refuse(404, "Webhook not found")
        return JSONResponse({"message": "Webhook deleted."})


def masked(hook: Payload) -> Payload:
    """The hook as CircleCI shows it: its secret cannot be read back."""
    return hook | {"signing-secret": "****"}


def problem(wish: dict[str, Any], *, needed: Collection[str]) -> str | None:
    """What is wrong with the wish for a hook, or None."""
    for key, kind in SHAPE.items():
        if key not in wish and key in needed:
            return f"{key}: missing required key"
        if key in wish and (not isinstance(wish[key], kind) or wish[key] == ""):
            return f"{key}: not a valid value"
    if not set(wish.get("events", ())) <= EVENTS:
        return f"events: must be among {', '.join(sorted(EVENTS))}"
    if not wish.get("url", "https://").startswith("https://"):
        return "url: only https is supported"
    return None
