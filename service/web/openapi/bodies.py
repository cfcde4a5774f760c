"""The bodies of the API's requests, as JSON Schema 2020-12, from what checks them.

A text may be null or empty where it may be left out. A ``format`` of ours names a kind of text that no pattern can
describe; docs/http.md says what each may be.
"""

from collections.abc import Mapping

from service.config.match_shape import MATCHED_EVENTS
from service.config.matchers import MAX_PATTERN_CHARACTERS, MAX_PATTERNS
from service.model import EventKind, IncidentClass
from service.operations import saved_views
from service.operations.incidents import known_problems, silences
from service.operations.incidents.incidents import MAX_NAME
from service.operations.json_shapes import Json
from service.operations.operator_actions import MAX_REASON
from service.routing.match_key import MatchKey
from service.routing.match_keys import MATCH_KEYS

BLANK = r"\s\u001c-\u001f\u0085"
MAX_ACT_NAME = 500
SLUG = rf"^[^/{BLANK}*?!\[\]]+(/[^/{BLANK}*?!\[\]]+){{2}}$"
GLOB = rf"^!?[^\[]*[^\[!{BLANK}][^\[]*$"
FAILURE_GLOB = rf"^[*?{BLANK}]*[^*?{BLANK}][*?]*[^*?][*?]*[^*?][*?]*[^*?{BLANK}]"
NOT_BLANK = rf"[^{BLANK}]"
WEB_ADDRESS = r"^(https?://[A-Za-z0-9]+([.-][A-Za-z0-9]+)*(:[0-9]{1,4})?(/[^\s\[\]]*)?)?$"
NUMBERS: Mapping[str, Json] = {
    "streak": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "pr": {"type": ["number", "boolean"]},
}
"""The match keys whose patterns may be no texts."""
ABSENT: Json = {"enum": [None, ""]}


def optional(limit: int, **more: object) -> Json:
    """Return the schema of a text that may be left out, null or empty."""
    return {"type": ["string", "null"], "maxLength": limit, **more}


def _later() -> Json:
    return optional(MAX_NAME, format="later-time")


def _patterns(key: MatchKey) -> Json:
    """Return the schema of the patterns of a match key: one, or a list of them."""
    one: Json = {"type": "string", "minLength": 1, "maxLength": MAX_PATTERN_CHARACTERS}
    if key.units:
        one["format"] = f"{key.name}-comparison"
    elif key.values:
        one["pattern"] = f"^!?({'|'.join(key.values)})$"
    else:
        one["pattern"] = GLOB
    some = [one]
    if set(key.values) == {"true", "false"}:
        some.append({"type": "boolean"})
    if key.name in NUMBERS:
        some.append(NUMBERS[key.name])
    item = {"anyOf": some} if len(some) > 1 else one
    return {"anyOf": [*some, {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_PATTERNS}]}


def _matchers() -> Json:
    """Return the schema of matchers: of workflows, or of jobs, each with its own keys."""
    keys = {name: _patterns(key) for name, key in MATCH_KEYS.items()}
    of_runs = {name for name, key in MATCH_KEYS.items() if key.is_judged or key.is_of_runs}
    of_jobs = {name for name, key in MATCH_KEYS.items() if key.needs_jobs}
    events: Json = {"type": "array", "items": {"enum": list(MATCHED_EVENTS)}, "maxItems": MAX_PATTERNS}
    job, workflow = ({"const": kind} for kind in (EventKind.JOB_COMPLETED.value, EventKind.WORKFLOW_COMPLETED.value))
    kinds = {
        "workflows": {"anyOf": [workflow, {**events, "items": workflow, "minItems": 1}]},
        "jobs": {"anyOf": [job, {**events, "contains": job}]},
    }
    left_out = {"workflows": of_jobs, "jobs": of_runs}
    return {
        "anyOf": [
            {
                "type": "object",
                "title": f"of {noun}",
                "properties": {name: one for name, one in keys.items() if name not in left_out[noun]}
                | {"event": event},
                "minProperties": 1,
                "additionalProperties": False,
            }
            for noun, event in kinds.items()
        ]
    }


def _silence() -> Json:
    needed: Json = {"type": "string", "pattern": NOT_BLANK}
    return {
        "properties": {
            "matchers": _matchers(),
            "from": {"type": ["string", "null"], "format": "later-time"},
            "until": {"type": "string", "format": "silence-end"},
            "comment": {**needed, "maxLength": silences.MAX_COMMENT},
            "preview": {"type": "boolean"},
        },
        "required": ["matchers", "until", "comment"],
    }


def _known_problem() -> Json:
    limits = known_problems.MAX_CHARACTERS
    pattern: Json = {"type": "string", "maxLength": limits["pattern"], "pattern": FAILURE_GLOB}
    fingerprint: Json = {"type": "string", "pattern": "^[0-9a-f]{8,64}$"}
    return {
        "properties": {
            "pattern": {"anyOf": [pattern, ABSENT]},
            "fingerprint": {"anyOf": [fingerprint, ABSENT]},
            "title": {"type": "string", "pattern": NOT_BLANK, "maxLength": limits["title"]},
            "link": optional(limits["link"], pattern=WEB_ADDRESS),
            "owner": optional(limits["owner"]),
            "until": {"type": ["string", "null"], "format": "later-time"},
            "mute": {"type": "boolean"},
        },
        "required": ["title"],
        "oneOf": [
            {"properties": {"pattern": pattern, "fingerprint": ABSENT}, "required": ["pattern"]},
            {"properties": {"pattern": ABSENT, "fingerprint": fingerprint}, "required": ["fingerprint"]},
        ],
    }


def _trigger() -> Json:
    value: Json = {"type": ["string", "integer", "boolean"]}
    return {
        "properties": {
            "project": {"type": "string", "maxLength": MAX_ACT_NAME, "pattern": SLUG},
            **{name: optional(MAX_ACT_NAME) for name in ("branch", "tag", "definition")},
            "parameters": {"type": ["object", "null"], "additionalProperties": value},
        },
        "required": ["project"],
    }


def _classify() -> Json:
    classes: Json = {"enum": [str(one) for one in IncidentClass]}
    revision: Json = {"type": "string", "pattern": rf"^[^{BLANK}]+$", "maxLength": MAX_NAME}
    return {
        "properties": {
            "class": {"anyOf": [classes, ABSENT]},
            "fixed_by": {"anyOf": [revision, ABSENT]},
            "because": optional(MAX_REASON),
        },
        "anyOf": [
            {"properties": {"class": classes}, "required": ["class"]},
            {"properties": {"fixed_by": revision}, "required": ["fixed_by"]},
        ],
    }


VIEW: Mapping[str, Json] = {
    **{
        name: {"type": "string", "pattern": NOT_BLANK, "maxLength": limit}
        for name, limit in saved_views.MAX_CHARACTERS.items()
    },
    "shared": {"type": "boolean"},
}
BODIES: Mapping[str, Json] = {
    "POST /api/v1/silences": _silence(),
    "POST /api/v1/runs/{id}/rerun": {"properties": {"from_failed": {"type": ["boolean", "null"]}}},
    "POST /api/v1/runs/{id}/cancel": {"properties": {"job": optional(MAX_ACT_NAME)}},
    "POST /api/v1/runs/{id}/approve": {"properties": {"job": optional(MAX_ACT_NAME)}},
    "POST /api/v1/trigger": _trigger(),
    "POST /api/v1/known-problems": _known_problem(),
    "POST /api/v1/views": {"properties": VIEW, "required": ["name", "query"]},
    "PATCH /api/v1/views/{id}": {"properties": VIEW},
    "POST /api/v1/incidents/{id}/take": {
        "properties": {
            "by": optional(MAX_NAME),
            "until": _later(),
            "note": optional(MAX_REASON),
            "replace": {"type": ["boolean", "string", "null"], "maxLength": MAX_NAME},
        }
    },
    "POST /api/v1/incidents/{id}/release": {"properties": {"because": optional(MAX_REASON)}},
    "POST /api/v1/incidents/{id}/classify": _classify(),
    "POST /api/v1/incidents/{id}/mute": {"properties": {"until": _later(), "because": optional(MAX_REASON)}},
}
"""The schema of each request's body, without the rule that it has no other keys."""


def body(request: str) -> Json | None:
    """Return the body of a request; None if it has none."""
    if request not in BODIES:
        return None
    said = BODIES[request]
    shape = {"type": "object", "additionalProperties": False, **said}
    needs = "required" in said or "anyOf" in said or request.startswith("PATCH ")
    return {"required": needs, "content": {"application/json": {"schema": shape}}}
