"""Test of routes with an invented event; nothing is sent."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.circleci.source import Source
from service.errors import BadConfig
from service.model import Delivery, Event, EventKind, Via
from service.operations.queries import to_kind
from service.routing.match_keys import MATCH_KEYS, SLUG
from service.text import clean

FIXED_TIME = datetime(2026, 1, 1, tzinfo=UTC)
NO_ID = UUID(int=0)

Facts = Mapping[str, str | None]


def build_event(body: bytes | None, source: Source, facts: Facts) -> Event:
    """Return the event of a webhook's body, with some facts replaced.

    Without a body it is a completed workflow with no other facts. Raises Permanent for a body that is not
    understood, BadRequest for an unknown kind of event.
    """
    event = source.parse(_delivery(source, body)) if body is not None else _default_event()
    return _with_facts(event, facts)


def parse_facts(given: Sequence[str]) -> Facts:
    """Parse ``key=value`` texts; an empty value means absent. Raises BadConfig."""
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


def _default_event() -> Event:
    kind = EventKind.WORKFLOW_COMPLETED
    return Event(id=NO_ID, kind=kind, source_event_id="trial", happened_at=FIXED_TIME, received_at=FIXED_TIME)


def _delivery(source: Source, body: bytes) -> Delivery:
    return Delivery(
        id=NO_ID,
        source=source.name,
        source_event_id="trial",
        via=Via.WEBHOOK,
        received_at=FIXED_TIME,
        headers=(),
        body=body,
        signed=None,
    )


def _with_facts(event: Event, facts: Facts) -> Event:
    """Replace the given facts.

    The project comes first, as it also sets the organization; the kind comes last, as a job also sets it.
    """
    if "event" in facts:
        to_kind(facts["event"] or "")  # raises BadRequest for an unknown kind
    for name in sorted(facts, key=lambda name: (name != "project", name == "event")):
        event = MATCH_KEYS[name].put(event, facts[name])
    return event
