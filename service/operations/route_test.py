"""Trying routes out on an event that never happened; nothing is sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.circleci.source import Source
from service.errors import BadConfig
from service.model import Actor, Commit, Delivery, Event, EventKind, Job, Project, Via
from service.operations.queries import to_kind
from service.routing.decide import MATCH_KEYS
from service.text import clean

NEVER = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = UUID(int=0)
SLUG = re.compile("(?P<vcs>[^/]+)/(?P<org>[^/]+)/(?P<name>.+)")
PLAIN = ("org", "branch", "tag", "status", "trigger")

Facts = Mapping[str, str | None]


def event_of(body: bytes | None, source: Source, facts: Facts) -> Event:
    """The event of a webhook's body, or a bare completed workflow, with these facts in place of its own.

    Raises Permanent for a body that is not understood, BadRequest for a kind of event that there is not.
    """
    event = source.parse(_delivery(source, body)) if body is not None else _bare()
    return _with_facts(event, facts)


def parse_facts(given: Sequence[str]) -> Facts:
    """``key=value`` texts as facts; an empty value stands for a fact that is absent. Raises BadConfig."""
    facts: dict[str, str | None] = {}
    for written in given:
        key, equals, value = written.partition("=")
        if not equals:
            raise BadConfig(f"--set {written}: write key=value, such as --set branch=main")
        if key not in MATCH_KEYS:
            raise BadConfig(f"--set {written}: there is no match key {key!a}; there are {', '.join(MATCH_KEYS)}")
        if key == "project" and value and not SLUG.fullmatch(value):
            raise BadConfig(f"--set {written}: write the slug, such as gh/acme/web")
        facts[key] = clean(value) or None
    return facts


def _bare() -> Event:
    kind = EventKind.WORKFLOW_COMPLETED
    return Event(id=NOBODY, kind=kind, source_event_id="trial", happened_at=NEVER, received_at=NEVER)


def _delivery(source: Source, body: bytes) -> Delivery:
    return Delivery(
        id=NOBODY,
        source=source.name,
        source_event_id="trial",
        via=Via.WEBHOOK,
        received_at=NEVER,
        headers=(),
        body=body,
        signed=None,
    )


def _with_facts(event: Event, facts: Facts) -> Event:
    changes: dict[str, Any] = _of_slug(facts["project"]) if "project" in facts else {}
    changes |= {key: facts[key] for key in PLAIN if key in facts}
    for key, value in facts.items():
        match key:
            case "event":
                changes["kind"] = to_kind(value or "")
            case "workflow":
                changes["workflow"] = replace(event.workflow, name=value)
            case "job":
                changes["job"] = replace(event.job or Job(), name=value)
            case "actor":
                changes["actor"] = Actor(login=value)
            case "author":
                changes["commit"] = Commit(author_name=value)
    if "job" in facts and "event" not in facts:
        changes["kind"] = EventKind.JOB_COMPLETED  # nobody who names a job means a workflow
    return replace(event, **changes)


def _of_slug(slug: str | None) -> dict[str, Any]:
    """What a webhook says beside a slug: the project's name and its organization. A slug of codes names neither."""
    found = SLUG.fullmatch(slug or "")
    if found is None or found["vcs"] == "circleci":
        return {"project": Project(slug=slug)}
    return {"org": found["org"], "project": Project(slug=slug, name=found["name"])}
