"""The OpenAPI 3.1 document, made from the routes that answer."""

import inspect
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from starlette.routing import BaseRoute, Route

from service.operations.json_shapes import Json
from service.web.openapi.bodies import body
from service.web.openapi.requests import path_parameters, query_parameters
from service.web.openapi.shapes import reference, schemas

PATH = "/api/v1/openapi.json"
ANSWERS: Mapping[str, tuple[int, str]] = {
    "GET /api/v1/events": (200, "Events"),
    "GET /api/v1/events/{id}": (200, "EventRecords"),
    "GET /api/v1/notifications": (200, "Notifications"),
    "GET /api/v1/dead-letters": (200, "DeadLetters"),
    "GET /api/v1/refusals": (200, "Refusals"),
    "GET /api/v1/unexplained-runs": (200, "UnexplainedRuns"),
    "POST /api/v1/deliveries/{id}/replay": (202, "DeliveryAct"),
    "POST /api/v1/deliveries/{id}/dismiss": (200, "DeliveryAct"),
    "POST /api/v1/notifications/{id}/resend": (202, "NotificationAct"),
    "POST /api/v1/notifications/{id}/dismiss": (200, "NotificationAct"),
    "GET /api/v1/status": (200, "Status"),
    "GET /api/v1/incidents": (200, "Incidents"),
    "GET /api/v1/incidents/{id}": (200, "IncidentRecords"),
    **{f"POST /api/v1/incidents/{{id}}/{act}": (200, "Incident") for act in ("take", "release", "classify", "mute")},
    **{f"POST /api/v1/runs/{{id}}/{act}": (200, "BuildAct") for act in ("rerun", "cancel", "approve")},
    "POST /api/v1/trigger": (200, "BuildAct"),
    "GET /api/v1/silences": (200, "Silences"),
    "POST /api/v1/silences": (201, "NewSilence"),
    "GET /api/v1/silences/{id}": (200, "Silence"),
    "DELETE /api/v1/silences/{id}": (200, "Silence"),
    "GET /api/v1/known-problems": (200, "KnownProblems"),
    "POST /api/v1/known-problems": (201, "KnownProblem"),
    "POST /api/v1/known-problems/{id}/close": (200, "KnownProblem"),
    "GET /api/v1/settings-changes": (200, "SettingsChanges"),
    "GET /api/v1/tests": (200, "Tests"),
    "GET /api/v1/insights": (200, "Insights"),
    "GET /api/v1/usage": (200, "Usage"),
    "GET /api/v1/views": (200, "SavedViews"),
    "POST /api/v1/views": (201, "SavedView"),
    "PATCH /api/v1/views/{id}": (200, "SavedView"),
    "DELETE /api/v1/views/{id}": (200, "SavedView"),
    f"GET {PATH}": (200, "OpenAPI"),
    "GET /healthz": (200, "Alive"),
    "GET /readyz": (200, "Readiness"),
}
"""The status and the shape of the answer to each request."""
ERRORS = {
    400: "the request must be changed, as the sentence says",
    401: "no credential, or one that is not accepted",
    403: "the read token was sent to change something, or a page of another site sent the request",
    404: "there is nothing with this id",
    409: "it makes no sense in the present state",
    413: "the body is too large",
    429: "too many wrong credentials came from this address",
    503: "not now; Retry-After says when",
}
WITHOUT_A_CREDENTIAL = {"GET /healthz", "GET /readyz"}


def openapi(routes: Sequence[BaseRoute]) -> Json:
    """Return the document of those of the routes that answer in JSON."""
    paths: Json = {}
    for route in routes:
        if isinstance(route, Route) and (route.path.startswith("/api/v1/") or route.path in {"/healthz", "/readyz"}):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                paths.setdefault(route.path, {})[method.lower()] = _operation(route, f"{method} {route.path}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Roundsman",
            "version": version("roundsman"),
            "description": "CircleCI webhooks in, notifications out. Clients must ignore keys that they do not know.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The admin token, or to read, the read token.",
                },
                "basic": {"type": "http", "scheme": "basic", "description": "The read token as the password."},
            },
        },
    }


def _operation(route: Route, request: str) -> Json:
    status, shape = ANSWERS.get(request, (200, None))
    schema = reference(shape) if shape else {"type": "object"}
    answer = {"description": "done", "content": {"application/json": {"schema": schema}}}
    operation: Json = {
        "operationId": re.sub(r"\W+", "_", request.lower().replace("/api/v1", "")).strip("_"),
        "summary": _summary(route),
        "parameters": [*path_parameters(route.path), *query_parameters(request)],
        "responses": {str(status): answer, **_errors(request)},
    }
    if request == "POST /api/v1/silences":  # a preview sets nothing
        operation["responses"]["200"] = answer
    if (needed := body(request)) is not None:
        operation["requestBody"] = needed
    if request in WITHOUT_A_CREDENTIAL:
        operation["security"] = []
    return operation


def _errors(request: str) -> Json:
    content = {"application/json": {"schema": reference("Error")}}
    wanted = set(ERRORS) - {404, 409} | ({404, 409} if "{id}" in request else set())
    wanted |= {409} if request.startswith("POST ") else set()  # there are too many, or the name is taken
    wanted |= {404} if request == "POST /api/v1/trigger" else set()  # CircleCI has no such project
    found: Json = {str(status): {"description": ERRORS[status], "content": content} for status in sorted(wanted)}
    if request == "GET /readyz":
        found["503"] = {
            "description": "a check failed",
            "content": {"application/json": {"schema": reference("Readiness")}},
        }
    return found


def _summary(route: Route) -> str:
    text = (inspect.getdoc(route.endpoint) or "").partition("\n\n")[0]
    return " ".join(text.partition(" Raises ")[0].replace("``", "`").split())
