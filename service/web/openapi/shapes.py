"""The shapes of answers, as JSON Schema 2020-12.

A shape is written as the names of its keys, each with a letter for its values: ``s`` text, ``t`` time, ``u`` id,
``i`` whole number, ``n`` number, ``b`` true or false, ``o`` object, ``l`` list; ``?`` behind it: or null. A name in
capitals after ``:`` is another shape, in brackets a list of it. Clients must ignore keys that they do not know.
"""

from collections.abc import Mapping

from service.operations.json_shapes import Json

_LETTERS: Mapping[str, Json] = {
    "s": {"type": "string"},
    "t": {"type": "string", "format": "date-time"},
    "u": {"type": "string", "format": "uuid"},
    "i": {"type": "integer"},
    "n": {"type": "number"},
    "b": {"type": "boolean"},
    "o": {"type": "object"},
    "l": {"type": "array"},
}
_EVENT = (
    "id:u kind:s source_event_id:s happened_at:t received_at:t via:s org:s? project:o pipeline:o workflow:o job:o? "
    "status:s? branch:s? tag:s? revision:s? commit:o actor:o trigger:s? duration_ms:i? queue_ms:i? pull_request:o "
    "transition:s? streak:i? incident:u? is_late:b? number_in_pipeline:i?"
)
_NOTIFICATION = (
    "id:u event_id:u? route:s receiver:s channel_label:s channel_kind:s state:s created_at:t next_attempt_at:t? "
    "give_up_at:t reason:s? sent_at:t? title:s? words:o|s? news:s? waits_for:s? incident:u? attempts:[Attempt]"
)
_INCIDENT = (
    "id:u project:s? branch:s? workflow:s? definition:s? state:s opened_at:t? closed_at:t? opened_by:s? closed_by:s? "
    "closed_because:s? streak:i fingerprint:s? taken:o? class:s? class_by:s? fixed_by:s? muted_until:t?"
)
_SILENCE = "matchers:o from:t until:t who:s comment:s state:s created_at:t expired_by:s?"
_PAGE = "next:s?"
SHAPES: Mapping[str, str] = {
    "Error": "error:s",
    "Event": _EVENT,
    "EventRecords": f"{_EVENT} details:o? evidence:l spans:o? decisions:l notifications:[Notification] delivery:o "
    "actions:[Action]",
    "Events": f"items:[Event] {_PAGE} looked_back_to:t? partial:l",
    "Action": "verb:s who:s at:t reason:s?",
    "Attempt": "number:i started_at:t ended_at:t? outcome:s? reason:s? receipt:s? title:s? asked_by:s?",
    "Notification": _NOTIFICATION,
    "Notifications": f"items:[Notification] {_PAGE}",
    "Delivery": "id:u source:s via:s received_at:t headers:l state:s reason:s? repeats:i failures:i signed:o? body:s "
    "body_bytes:i",
    "DeadLetters": f"deliveries:[Delivery] notifications:[Notification] {_PAGE}",
    "Refusal": "at:t status:i reason:s next_step:s? address:s? user_agent:s? hook_id:s? count:i",
    "Refusals": "items:[Refusal]",
    "UnexplainedRun": "run:u project:o workflow:s status:s? branch:s? revision:s? pipeline_number:i? started_at:t? "
    "ended_at:t duration_ms:i? received_at:t dead_letter:b",
    "UnexplainedRuns": "items:[UnexplainedRun]",
    "DeliveryAct": "delivery:u",
    "BuildAct": "act:s outcome:s sentence:s workflow:u? pipeline:o?",
    "NotificationAct": "notification:u",
    "Coverage": "known:i red_runs:i",
    "WorkflowState": "workflow:s? definition:s? state:s since:t? streak:i incident:u? taken:o? muted_until:t?",
    "Status": "project:s? branch:s? state:s since:t? workflows:[WorkflowState] coverage:Coverage",
    "Incident": _INCIDENT,
    "IncidentRecords": f"{_INCIDENT} actions:[Action]",
    "Incidents": f"items:[Incident] {_PAGE}",
    "Silence": f"id:u {_SILENCE}",
    "NewSilence": f"id:u? {_SILENCE} would_have_silenced:Preview",
    "Preview": "messages:i since:t is_partial:b",
    "Silences": f"items:[Silence] {_PAGE}",
    "KnownProblem": "id:u pattern:s? fingerprint:s? title:s link:s? owner:s? until:t? mute:b state:s source:s "
    "added_by:s? created_at:t? closed_at:t? closed_by:s? reopened_at:t?",
    "KnownProblems": f"items:[KnownProblem] {_PAGE}",
    "SettingsChange": "id:u at:t of:s area:s name:s kind:s before:s? after:s? sentence:s",
    "SettingsChanges": f"items:[SettingsChange] {_PAGE}",
    "Test": "project:s? job:s? name:s class_name:s? file:s? state:s rate:n? runs:i fails:i first_failed_at:t "
    "last_failed_at:t evidence:s?",
    "Tests": f"items:[Test] {_PAGE} coverage:Coverage",
    "InsightProject": "project:s asked_at:t? reason:s? flaky:i? organization:o? branches:o",
    "InsightWorkflow": "project:s workflow:s circleci:o? ours:o?",
    "InsightTest": "project:s job:s? test:s circleci:o? ours:o?",
    "Insights": "sources:o unknown:s? projects:[InsightProject] workflows:[InsightWorkflow] workflow:o? "
    "flaky_tests:[InsightTest]",
    "UsageRow": "month:s project:s? credits:n failed_credits:n rerun_credits:n runs:i known_runs:i jobs:i",
    "Usage": "month:s group_by:s months:l items:[UsageRow] left_out:i total:o exports:l sentences:l",
    "SavedView": "id:u name:s query:s shared:b owner:s created_at:t may_change:b",
    "SavedViews": f"items:[SavedView] {_PAGE}",
    "OpenAPI": "openapi:s info:o paths:o components:o",
    "Alive": "status:s",
    "Readiness": "ready:b checks:o",
}


def schemas() -> Json:
    """Return the JSON Schema of every shape, by its name."""
    return {name: _object(written) for name, written in SHAPES.items()}


def reference(name: str) -> Json:
    """Return a reference to a shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(written: str) -> Json:
    properties = {}
    for part in written.split():
        key, _, letter = part.partition(":")
        properties[key] = _value(letter)
    return {"type": "object", "required": list(properties), "properties": properties}


def _value(letter: str) -> Json:
    if letter.startswith("["):
        return {"type": "array", "items": reference(letter[1:-1])}
    if letter[0].isupper():
        return reference(letter)
    types = [_LETTERS[one] for one in letter.removesuffix("?").split("|")]
    kinds = [one["type"] for one in types] + (["null"] if letter.endswith("?") else [])
    return {**types[0], "type": kinds if len(kinds) > 1 else kinds[0]}
