"""The fake CircleCI's outbound webhooks: at most five for a project, https only.

It behaves as the real service was measured to, which is not as CircleCI's OpenAPI description says: keys are written
with hyphens and answered with underscores, unknown keys are dropped silently, and a hook without a secret has no key
for one.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.payloads import Payload, stamp
from service.testing.fake_circleci.responses import page

MAX_PER_PROJECT = 5
EVENTS = {"workflow-completed", "job-completed"}
SHAPE: dict[str, type] = {"name": str, "events": list, "url": str, "verify-tls": bool, "signing-secret": str}
NEEDED = ("name", "events", "url", "scope")
INVALID = "Invalid request body."


def error_response(status: int, message: str) -> JSONResponse:
    """Return an error in CircleCI's shape."""
    return JSONResponse({"message": message}, status)


class FakeWebhooks:
    """The hooks of all projects.

    registered   by id, with the keys of a request, and the signing secret if one was given
    """

    def __init__(self, project_ids: Collection[str]) -> None:
        self._project_ids = project_ids
        self.registered: dict[str, Payload] = {}

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes of the webhook API."""
        one = f"{prefix}/webhook/{{id}}"
        return [
            Route(f"{prefix}/webhook", self._list, methods=["GET"]),
            Route(f"{prefix}/webhook", self._create, methods=["POST"]),
            Route(one, self._update, methods=["PUT"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    def of_project(self, project_id: str) -> list[Payload]:
        """Return the hooks of one project, oldest first."""
        return [hook for hook in self.registered.values() if hook["scope"]["id"] == project_id]

    async def _list(self, request: Request) -> Response:
        project_id = request.query_params.get("scope-id", "")
        if request.query_params.get("scope-type") != "project":
            return error_response(400, "scope-type: must be project")
        if project_id not in self._project_ids:
            return error_response(404, "Project not found")
        return page(request, [hook_response(hook) for hook in self.of_project(project_id)], size=20)

    async def _create(self, request: Request) -> Response:
        request_body = await request.json()
        if trouble := find_problem(request_body, needed=NEEDED):
            return error_response(400, trouble)
        scope = request_body["scope"]
        if scope.get("type") != "project":
            return error_response(400, INVALID)
        if scope.get("id") not in self._project_ids:
            return error_response(404, "Project not found")
        if len(self.of_project(scope["id"])) >= MAX_PER_PROJECT:
            return error_response(400, f"A project can have at most {MAX_PER_PROJECT} webhooks")

        now = stamp(datetime.now(UTC))
        hook = {"id": str(uuid4()), "verify-tls": False, **known_fields(request_body), "scope": scope}
        self.registered[hook["id"]] = hook | {"created-at": now, "updated-at": now}
        return JSONResponse(hook_response(self.registered[hook["id"]]), 201)

    async def _update(self, request: Request) -> Response:
        hook = self.registered.get(request.path_params["id"])
        if hook is None:
            return error_response(404, "Webhook not found")
        request_body = await request.json()
        if trouble := find_problem(request_body, needed=()):
            return error_response(400, trouble)

        hook |= known_fields(request_body)  # absent keys stay as they are; and a hook cannot move to another project
        hook["updated-at"] = stamp(datetime.now(UTC))
        return JSONResponse(hook_response(hook))

    async def _delete(self, request: Request) -> Response:
        if self.registered.pop(request.path_params["id"], None) is None:
            return error_response(404, "Webhook not found")
        return JSONResponse({"message": "Webhook deleted."})


def known_fields(request_body: Payload) -> Payload:
    """Return the fields that CircleCI knows; an empty secret is ignored."""
    return {
        key: request_body[key]
        for key in SHAPE
        if key in request_body and (key != "signing-secret" or request_body[key])
    }


def hook_response(hook: Payload) -> Payload:
    """Return the hook as CircleCI answers it.

    Keys have underscores, events another order, and the secret is masked if there is one.
    """
    secret = {"signing-secret": "****"} if hook.get("signing-secret") else {}
    open_to_all = {key: value for key, value in hook.items() if key != "signing-secret"}
    answer = open_to_all | secret | {"events": hook["events"][::-1]}
    return {key.replace("-", "_"): value for key, value in answer.items()}


def find_problem(request_body: Any, *, needed: Collection[str]) -> str | None:
    """Return the fault of a request for a hook, or None."""
    if not isinstance(request_body, dict) or not all(key in request_body for key in needed):
        return INVALID
    if not all(isinstance(request_body[key], kind) for key, kind in SHAPE.items() if key in request_body):
        return INVALID
    if not isinstance(request_body.get("scope", {}), dict) or "" in {request_body.get("name"), request_body.get("url")}:
        return INVALID
    if not set(request_body.get("events", ())) <= EVENTS:
        return f"events: must be among {', '.join(sorted(EVENTS))}"
    if not request_body.get("url", "https://").startswith("https://"):
        return "url: only https is supported"
    return None
