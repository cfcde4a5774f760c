"""Services of incidents: each message opens one, so good news must not be sent."""

from typing import Any
from urllib.parse import parse_qsl

from service.channels.channel_service import ChannelService, Incidents
from service.channels.incident_keys import OPENING_ACTIONS
from service.channels.registry import service_of
from service.model import Channel, Message

CLOSING_ACTIONS = frozenset({"map", "resolve", "close"})
NO_FAILURE = frozenset({"success", "info"})


def is_needless_incident(service: ChannelService, plugin: Any, message: Message) -> bool:
    """Tell whether a message would open an incident though nothing has failed.

    A success that closes an incident is sent. So is a message without a subject: a test, which an operator asked for.
    """
    if service.incidents is None or message.severity not in NO_FAILURE or not message.subject:
        return False
    closes = _closes(service.incidents, getattr(plugin, "action", None))
    return message.severity == "info" or not closes


def gets_no_good_news(channel: Channel, severity: str) -> bool:
    """Tell whether a channel must get no message of this severity.

    Such a message would open an incident though nothing has failed. Decided by the URL alone, without Apprise; an
    ``action=`` that Apprise reads in another way is left to ``is_needless_incident``.
    """
    incidents = service_of(channel).incidents
    if incidents is None or severity not in NO_FAILURE:
        return False
    closes = _closes(incidents, _action(incidents, channel.url))
    return severity == "info" or not closes


def opens_incidents(channel: Channel) -> bool:
    """Tell whether each failure opens an incident, or rings an alarm, at a channel."""
    return service_of(channel).incidents is not None


def _closes(incidents: Incidents, action: str | None) -> bool:
    """Return whether a success closes an incident: by its action, or as our form does."""
    return action in CLOSING_ACTIONS or (incidents.closes_on_success and action in OPENING_ACTIONS)


def _action(incidents: Incidents, url: str) -> str | None:
    """Return the action of a URL, by its first letters as in Apprise, or the default."""
    params = {name.lower(): value.strip().lower() for name, value in parse_qsl(url.partition("?")[2])}
    given = params.get("action")
    named = (action for action in incidents.actions if given and action.startswith(given))
    return next(named, next(iter(incidents.actions), None))
