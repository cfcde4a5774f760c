"""The parameters and bodies of the API's requests, from the lists that check them."""

from collections.abc import Mapping, Sequence

from service.model import IncidentClass, NotificationState, SilenceState
from service.operations import incidents, known_problems, notifications, queries, saved_views, silences, status
from service.operations.json_shapes import Json
from service.routing.match_keys import SEARCH_FILTERS

PAGE = ("limit", "cursor")
QUERIES: Mapping[str, Sequence[str]] = {
    "GET /api/v1/events": (*queries.SEARCHABLE, *PAGE),
    "GET /api/v1/notifications": (*notifications.SEARCHABLE, *PAGE),
    "GET /api/v1/dead-letters": ("dismissed", *PAGE),
    "GET /api/v1/status": status.PARAMETERS,
    "GET /api/v1/incidents": (*incidents.FILTERS, *PAGE),
    "GET /api/v1/silences": ("state", *PAGE),
    "GET /api/v1/known-problems": ("state",),
    "GET /api/v1/tests": ("project", "branch", "state", *PAGE),
    "POST /api/v1/deliveries/{id}/dismiss": ("because",),
    "POST /api/v1/notifications/{id}/dismiss": ("because",),
    "GET /readyz": ("check",),
}
SENTENCES: Mapping[str, str] = {
    "event": "the kind: workflow-completed, job-completed, ping or any",
    "told": "none: those of which no route had anyone told; any: the others",
    "since": "from this time on: a date, RFC 3339, now, today, yesterday, or how long ago, such as 7d",
    "until": "before this time, written as for since",
    "by": "a name or address of the person whose builds they are",
    "transition": "what the run did to its branch: broke, still_broken, fixed, passed or none",
    "q": "all of these words, somewhere in the names",
    "limit": "this many at most",
    "cursor": "the page after: what next held",
    "because": "the reason, for the record",
    "dismissed": "true: what was dismissed instead",
    "state": "the state",
    "receiver": "the receiver's name",
    "channel": "the channel's label",
    "check": "this check alone",
    "branch": "the branch",
    "project": "its slug or its name",
    "workflow": "the workflow's name",
}
STATES: Mapping[str, Sequence[str]] = {
    "GET /api/v1/notifications": [str(one) for one in NotificationState],
    "GET /api/v1/incidents": incidents.STATES,
    "GET /api/v1/silences": [str(one) for one in SilenceState],
    "GET /api/v1/known-problems": ("open", "all"),
    "GET /api/v1/tests": ("failing", "new", "flaky", "slow"),
}
TEXT: Json = {"type": "string"}
VIEW: Mapping[str, Json] = {**dict.fromkeys(saved_views.MAX_CHARACTERS, TEXT), "shared": {"type": "boolean"}}
BODIES: Mapping[str, Mapping[str, Json]] = {
    "POST /api/v1/silences": {
        **dict.fromkeys(silences.FIELDS, TEXT),
        "matchers": {"type": "object", "minProperties": 1},
        "preview": {"type": "boolean"},
    },
    "POST /api/v1/known-problems": {**dict.fromkeys(known_problems.FIELDS, TEXT), "mute": {"type": "boolean"}},
    "POST /api/v1/views": VIEW,
    "PATCH /api/v1/views/{id}": VIEW,
    **{f"POST /api/v1/incidents/{{id}}/{act}": dict.fromkeys(fields, TEXT) for act, fields in incidents.ACTS.items()},
}
REQUIRED: Mapping[str, Sequence[str]] = {
    "POST /api/v1/silences": ("matchers", "until", "comment"),
    "POST /api/v1/known-problems": ("title",),
    "POST /api/v1/views": ("name", "query"),
}


def query_parameters(request: str) -> list[Json]:
    """Return the parameters of the query of a request, such as ``GET /api/v1/events``."""
    return [_parameter(request, name) for name in QUERIES.get(request, ())]


def path_parameters(path: str) -> list[Json]:
    """Return the parameters of a path, each of which is an id."""
    if "{id}" not in path:
        return []
    return [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}]


def body(request: str) -> Json | None:
    """Return the body of a request; None if it has none."""
    if request not in BODIES:
        return None
    required = list(REQUIRED.get(request, ()))
    shape: Json = {"type": "object", "properties": dict(BODIES[request]), "additionalProperties": False}
    if required:
        shape["required"] = required
    if request.endswith("/classify"):
        shape["properties"]["class"] = {"enum": [str(one) for one in IncidentClass]}
    return {"required": bool(required), "content": {"application/json": {"schema": shape}}}


def _is_single(request: str, name: str) -> bool:
    """Return whether a parameter may stand only once."""
    return name in {*PAGE, "since", "until", "q", "because", "dismissed"} or request == "GET /api/v1/status"


def _parameter(request: str, name: str) -> Json:
    schema: Json = dict(TEXT)
    if name == "limit":
        schema = {"type": "integer", "minimum": 1, "maximum": queries.MAX_PAGE_SIZE}
    elif name == "dismissed":
        schema = {"enum": ["true", "false"]}
    elif name == "state":
        schema = {"enum": list(STATES[request])}
    elif name == "told":
        schema = {"enum": list(queries.TOLD_VALUES)}
    known = SEARCH_FILTERS.get(name)
    return {
        "name": name,
        "in": "query",
        "description": known.sentence if known else SENTENCES.get(name, name),
        "schema": schema if _is_single(request, name) else {"type": "array", "items": schema},
    }
