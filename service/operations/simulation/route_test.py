"""Test of routes with an invented event; nothing is sent."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.circleci.source import Source
from service.config.config_file import PLACEHOLDER_KIND
from service.config.configuration import Config
from service.errors import BadConfig
from service.model import Decision, Delivery, Event, EventKind, Transition, Verdict, Via
from service.operations.queries import to_kind
from service.pipeline.news.left_out import is_good_news, left_out, with_left_out
from service.routing.decide import decide
from service.routing.match_keys import MATCH_KEYS, SLUG
from service.routing.people import channels_of
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


def decide_trial(config: Config, event: Event) -> list[Decision]:
    """Return the decision of each route, as an event that arrives would get it."""
    return [_with_left_out(config, event, decision) for decision in decide(event, config.routes)]


def unknown_channels(config: Config, event: Event, decisions: Sequence[Decision]) -> list[str]:
    """Return the labels of matched channels that may be left out.

    Their whole URL is a secret that is not set here, so their service is not known.
    """
    if not is_good_news(event):
        return []
    matched = [decision.receiver for decision in decisions if decision.verdict is Verdict.MATCHED]
    labels = [
        channel.label
        for receiver in matched
        for channel in channels_of(receiver, event, config.receivers, config.people)
        if channel.kind == PLACEHOLDER_KIND
    ]
    return list(dict.fromkeys(labels))


def _with_left_out(config: Config, event: Event, decision: Decision) -> Decision:
    if decision.verdict is not Verdict.MATCHED:
        return decision
    channels = channels_of(decision.receiver, event, config.receivers, config.people)
    return with_left_out(decision, left_out(channels, event), of=channels)


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

    The project comes first, as it also sets the organization; the kind comes last, as a job also sets it. A workflow
    without a status is one that broke: the question is who hears of that.
    """
    if "event" in facts:
        to_kind(facts["event"] or "")  # raises BadRequest for an unknown kind
    for name in sorted(facts, key=lambda name: (name != "project", name == "event")):
        event = MATCH_KEYS[name].put(event, facts[name])
    is_of_any_status = event.status is None and event.run is None and event.kind is EventKind.WORKFLOW_COMPLETED
    return MATCH_KEYS["transition"].put(event, Transition.BROKE) if is_of_any_status else event
