"""The parameters of the API's requests, from the lists that check them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from service.model import NotificationState, SilenceState, Transition
from service.operations import notifications, queries
from service.operations.figures import insights_report, kept_usage
from service.operations.figures.usage_report import COLUMNS_OF
from service.operations.health import settings_changes
from service.operations.ids import MIN_DIGITS
from service.operations.incidents import incidents
from service.operations.json_shapes import Json
from service.operations.operator_actions import MAX_REASON
from service.operations.overviews import status
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
    "GET /api/v1/settings-changes": (*settings_changes.FILTERS, *PAGE),
    "GET /api/v1/tests": ("project", "branch", "state", *PAGE),
    "GET /api/v1/insights": insights_report.FILTERS,
    "GET /api/v1/usage": kept_usage.FILTERS,
    "POST /api/v1/deliveries/{id}/dismiss": ("because",),
    "POST /api/v1/notifications/{id}/dismiss": ("because",),
    "GET /readyz": ("check",),
}
SENTENCES: Mapping[str, str] = {
    "event": "the kind: workflow-completed, job-completed, workflow-held, settings-changed, ping or any",
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
    "group_by": "what has a row of its own",
    "month": "as 2026-10; the newest that is kept if left out",
    "of": "the slug or the name of a project, or the slug of an organization with its projects",
}
STATES: Mapping[str, Sequence[str]] = {
    "GET /api/v1/notifications": [str(one) for one in NotificationState],
    "GET /api/v1/incidents": incidents.STATES,
    "GET /api/v1/silences": [str(one) for one in SilenceState],
    "GET /api/v1/known-problems": ("open", "all"),
    "GET /api/v1/tests": ("failing", "new", "flaky", "slow"),
}
TEXT: Json = {"type": "string"}
SCHEMAS: Mapping[str, Json] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": queries.MAX_PAGE_SIZE},
    "cursor": {**TEXT, "format": "cursor"},
    "since": {**TEXT, "format": "search-begin"},
    "until": {**TEXT, "format": "search-end"},
    "because": {**TEXT, "maxLength": MAX_REASON},
    "dismissed": {"enum": ["true", "false"]},
    "told": {"enum": list(queries.TOLD_VALUES)},
    "event": {"enum": [str(one) for one in queries.EVENT_VALUES]},
    "transition": {"enum": [str(one) for one in Transition]},
    "check": {"enum": ["database", "worker"]},
    "of": {**TEXT, "maxLength": settings_changes.MAX_CHARACTERS},
    "group_by": {"enum": list(COLUMNS_OF)},
    "month": {**TEXT, "pattern": f"^{kept_usage.MONTH.pattern}$"},
}
"""The schemas of parameters that are not any text."""
WHOLE_IDS = ("/api/v1/views/",)
"""The paths that take whole ids alone: of views nothing shows the first digits."""
WHOLE_ID: Json = {**TEXT, "format": "uuid"}
ID_OR_BEGINNING: Json = {
    **TEXT,
    "minLength": MIN_DIGITS,
    "maxLength": len(str(UUID(int=0))),
    "pattern": r"^[0-9A-Fa-f]{8}([0-9A-Fa-f]{0,24}|(-[0-9A-Fa-f]{4}){0,3}(-[0-9A-Fa-f]{0,12})?)$",
}
BEGINNING = f"its id, or the first {MIN_DIGITS} digits or more, as messages and lists show them"
OF_RUN = f"the workflow's id at CircleCI; or the id of its event, or the first {MIN_DIGITS} digits or more of that"
SINGLE = {*PAGE, "since", "until", "q", "because", "dismissed"}
SINGLE_OF: Mapping[str, set[str]] = {
    "GET /api/v1/status": set(status.PARAMETERS),
    "GET /api/v1/known-problems": {"state"},
    "GET /api/v1/settings-changes": {"of"},
    "GET /api/v1/tests": {"project", "branch", "state"},
    "GET /api/v1/insights": set(insights_report.FILTERS),
    "GET /api/v1/usage": set(kept_usage.FILTERS),
}
"""The parameters that may stand only once: of all requests, and of some."""
CAPPED = {"GET /api/v1/events", "GET /api/v1/notifications"}
"""The requests whose filters may have so many values: each costs a scan of an index."""


def query_parameters(request: str) -> list[Json]:
    """Return the parameters of the query of a request, such as ``GET /api/v1/events``."""
    return [_parameter(request, name) for name in QUERIES.get(request, ())]


def path_parameters(path: str) -> list[Json]:
    """Return the parameters of a path: an id, or the first digits of most."""
    if "{id}" not in path:
        return []
    sentence, schema = ("its id", WHOLE_ID) if path.startswith(WHOLE_IDS) else (BEGINNING, ID_OR_BEGINNING)
    sentence = OF_RUN if path.startswith("/api/v1/runs/") else sentence
    return [{"name": "id", "in": "path", "required": True, "description": sentence, "schema": schema}]


def _parameter(request: str, name: str) -> Json:
    schema: Json = {"enum": list(STATES[request])} if name == "state" else dict(SCHEMAS.get(name, TEXT))
    if name not in SINGLE | SINGLE_OF.get(request, set()):
        schema = {"type": "array", "items": schema}
        if request in CAPPED:
            schema["maxItems"] = queries.MAX_VALUES
    known = SEARCH_FILTERS.get(name)
    return {
        "name": name,
        "in": "query",
        "description": known.sentence if known else SENTENCES.get(name, name),
        "schema": schema,
    }
