"""Parse the body of a post into an event. Pure, and safe for hostile bytes."""

import re
from collections.abc import Sequence
from hashlib import sha256

from service.circleci.git import circleci_of, commit_of, vcs_of
from service.circleci.json_fields import read_object
from service.circleci.links import web_url, workflow_url
from service.circleci.pull_requests import pull_request_of
from service.circleci.times import happened_at, milliseconds_between
from service.circleci.webhook.payload import Payload
from service.errors import Permanent
from service.model import Actor, Delivery, Event, EventKind, Job, Pipeline, Project, Via, Workflow
from service.text import clean

KEPT_HEADERS = frozenset({"content-type", "user-agent", "circleci-event-type", "circleci-signature"})
MAX_ID_CHARACTERS = 200
OF_JOBS = frozenset({EventKind.JOB_COMPLETED, EventKind.WORKFLOW_HELD})
KINDS = tuple(EventKind)
POSTED_KINDS = tuple(kind for kind in EventKind if not kind.is_ours)
CHANGED = "changed"
HOOK_ID = re.compile("[0-9A-Za-z-]{1,64}")


def kept_headers(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the headers to store, names in lower case, in the order received."""
    decoded = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return tuple((name, clean(value)) for name, value in decoded if name in KEPT_HEADERS)


def identify(body: bytes) -> str:
    """Return CircleCI's id of the event, else ``sha256:`` of the body. Never raises.

    The id is equal if the same event is posted again.

    Source: CircleCI docs, "Outbound webhooks": "the client can use this to deduplicate events".
    """
    try:
        given = read_object(body).get("id")
    except ValueError:
        given = None
    if isinstance(given, str) and given.strip() and given.isprintable() and len(given) <= MAX_ID_CHARACTERS:
        return given
    return f"sha256:{sha256(body).hexdigest()}"


def find_hook(body: bytes) -> str | None:
    """Return the id of the hook that the body names as its sender; else None.

    Never raises. Source: CircleCI docs, "Outbound webhooks reference": ``webhook.id``.
    """
    try:
        hook = read_object(body).get("webhook")
    except ValueError:
        return None
    given = hook.get("id") if isinstance(hook, dict) else None
    return given if isinstance(given, str) and HOOK_ID.fullmatch(given) else None


def parse(delivery: Delivery, *, links: bool) -> Event:
    """Return the event in a delivery; raise Permanent if it is not understood.

    links   build the address of the workflow's page at circleci.com if the payload does not have it
    """
    payload = read_payload(delivery.body)
    kind = kind_of(payload, is_ours=delivery.via is Via.RECONCILE)
    vcs = vcs_of(payload.pipeline)
    circleci = circleci_of(payload.pipeline)
    return Event(
        id=delivery.id,
        kind=kind,
        source_event_id=delivery.source_event_id,
        happened_at=happened_at(payload.happened_at, delivery.received_at),
        received_at=delivery.received_at,
        via=delivery.via,
        org=payload.organization.name,
        project=Project(
            id=payload.project.id,
            slug=payload.project.slug,
            name=payload.project.name,
            default_branch=payload.pipeline.git.default_branch,
        ),
        pipeline=Pipeline(
            id=payload.pipeline.id, number=payload.pipeline.number, definition_id=circleci.config_source_id
        ),
        workflow=workflow_of(payload, links=links),
        job=job_of(payload) if kind in OF_JOBS else None,
        status=status_of(payload, kind),
        branch=vcs.branch,
        tag=vcs.tag,
        revision=vcs.revision,
        commit=commit_of(payload.pipeline, vcs),
        actor=Actor(id=circleci.actor_id),
        trigger=payload.pipeline.trigger.type or circleci.trigger_type,
        duration_ms=duration_of(payload, kind),
        pull_request=pull_request_of(payload.pipeline),
    )


def read_payload(body: bytes) -> Payload:
    """Return the body as a payload; raise Permanent if it is no JSON object."""
    try:
        return Payload.model_validate(read_object(body))
    except ValueError as error:
        raise Permanent(f"the body {error}") from error


def kind_of(payload: Payload, *, is_ours: bool = False) -> EventKind:
    """Return the kind of event; raise Permanent unless its job or workflow is there.

    is_ours   the body was built by us, so it may be of the kind that CircleCI never posts
    """
    known = KINDS if is_ours else POSTED_KINDS
    if payload.type is None:
        raise Permanent(f"the payload has no 'type' ({', '.join(known)})")
    if payload.type not in known:
        raise Permanent(f"type {payload.type[:60]!r} is not one that Roundsman knows ({', '.join(known)})")

    kind = EventKind(payload.type)
    if kind is not EventKind.PING and status_of(payload, kind) is None:
        subject = "job" if kind is EventKind.JOB_COMPLETED else "workflow"
        raise Permanent(f"the payload is a {kind}, but has no '{subject}' with a 'status'")
    return kind


def status_of(payload: Payload, kind: EventKind) -> str | None:
    """Return the status of the job or the workflow, in CircleCI's word.

    Settings have a word of ours.
    """
    if kind is EventKind.PING:
        return None
    if kind is EventKind.SETTINGS_CHANGED:
        return CHANGED
    return payload.job.status if kind is EventKind.JOB_COMPLETED else payload.workflow.status


def workflow_of(payload: Payload, *, links: bool) -> Workflow:
    """Return the workflow, with the address of its page."""
    workflow = payload.workflow
    url = web_url(workflow.url)
    if url is None and links:
        url = workflow_url(payload.project.slug, payload.pipeline.number, workflow.id)
    return Workflow(
        id=workflow.id,
        name=workflow.name,
        status=workflow.status,
        url=url,
        created_at=workflow.created_at,
        stopped_at=workflow.stopped_at,
    )


def job_of(payload: Payload) -> Job:
    """Return the job of a job event."""
    job = payload.job
    return Job(id=job.id, name=job.name, number=job.number, status=job.status)


def duration_of(payload: Payload, kind: EventKind) -> int | None:
    """Return the duration of the job or the workflow, in milliseconds."""
    if kind is EventKind.JOB_COMPLETED:
        return milliseconds_between(payload.job.started_at, payload.job.stopped_at)
    if kind.is_ours:
        return None
    return milliseconds_between(payload.workflow.created_at, payload.workflow.stopped_at)
