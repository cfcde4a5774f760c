"""Differences between two states of settings, in words. Pure."""

from collections.abc import Iterator, Mapping

from service.model import ChangeKind, GuardArea

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
