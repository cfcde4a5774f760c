"""Differences between two states of settings, and routes that hear them. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from service.model import ChangeKind, Event, EventKind, GuardArea, Project, Route
from service.routing.decide import fits
from service.routing.match_keys import read_facts

SETTINGS_CHANGED = "settings-changed"
"""The word for these changes in ``match: {event: ...}``; they are no events of CircleCI."""
NO_EVENT = UUID(int=0)
SLUG_PARTS = 3
NOUNS = {
    GuardArea.WEBHOOKS: "webhook",
    GuardArea.ENV_VARS: "environment variable",
    GuardArea.CHECKOUT_KEYS: "checkout key",
    GuardArea.PROJECT_SETTINGS: "project setting",
    GuardArea.PROJECT_CLAIMS: "OIDC claim",
    GuardArea.CHANNELS: "notification of CircleCI's own",
    GuardArea.SCHEDULES: "schedule",
    GuardArea.CONTEXTS: "context",
    GuardArea.CONTEXT_VARIABLES: "context variable",
    GuardArea.ORG_CLAIMS: "OIDC claim",
    GuardArea.POLICIES: "config policy",
    GuardArea.INTEGRATIONS: "chat workspace of CircleCI's own",
    GuardArea.EXPORTERS: "OpenTelemetry exporter",
}
SECRET_STATES = {GuardArea.CONTEXT_VARIABLES}  # areas whose state only tells that a value is new

Change = tuple[str, ChangeKind, str | None, str | None]


def find_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """Yield name, kind, state before and state after of each difference, by name."""
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        kind = ChangeKind.ADDED if was is None else ChangeKind.REMOVED if now is None else ChangeKind.CHANGED
        yield name, kind, was, now


def describe(area: GuardArea, scope: str, change: Change) -> str:
    """Return a change in a sentence without an end."""
    name, kind, was, now = change
    thing, was, now = f"{NOUNS[area]} {_plain(name)}", _plain(was or ""), _plain(now or "")
    if kind is ChangeKind.ADDED:
        return f"{thing} added to {scope}{f': {now}' if now and area not in SECRET_STATES else ''}"
    if kind is ChangeKind.REMOVED:
        return f"{thing} removed from {scope}"
    if area in SECRET_STATES:
        return f"{thing} of {scope} has a new value"
    return f"{thing} of {scope} changed from {was or 'nothing'} to {now or 'nothing'}"


def _plain(text: str) -> str:
    """Return a name of others without control characters and changes of direction."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def hears_settings(route: Route, scope: str, now: datetime) -> bool:
    """Return whether a route hears of settings of a project or organization."""
    kinds = [matcher for matcher in route.matchers if matcher.key == "event"]
    if not any(SETTINGS_CHANGED in matcher.patterns for matcher in kinds):
        return False
    facts = read_facts(_event(scope, now))
    return all(fits(matcher, facts[matcher.key]) for matcher in route.matchers if matcher.key != "event")


def _event(scope: str, now: datetime) -> Event:
    """Return an event of a project, or of an organization alone, for the matchers."""
    parts = scope.split("/")
    is_project = len(parts) == SLUG_PARTS
    return Event(
        id=NO_EVENT,
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="settings",
        happened_at=now,
        received_at=now,
        org=parts[1] if len(parts) > 1 else scope,
        project=Project(slug=scope, name=parts[-1]) if is_project else Project(),
    )
