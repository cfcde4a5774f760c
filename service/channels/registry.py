"""The registry of channel services, by name, URL scheme and webhook address.

All that is known of a service stands in one entry, in one of ``services``. A service without an entry is UNKNOWN: it
gets the form that is safe everywhere, Apprise's limit, and messages as fast as it answers.
"""

import re
from datetime import timedelta

from service.channels.channel_service import ChannelService, Dialect, Pace
from service.channels.services import (
    chat,
    discord,
    incidents,
    mail,
    ntfy,
    pagerduty,
    programs,
    push,
    robots,
    short_messages,
    teams,
)
from service.channels.slack_bot.url import KIND
from service.model import Channel

SERVICES: tuple[ChannelService, ...] = (
    *chat.SERVICES,
    *discord.SERVICES,
    *incidents.SERVICES,
    *mail.SERVICES,
    *ntfy.SERVICES,
    *pagerduty.SERVICES,
    *programs.SERVICES,
    *push.SERVICES,
    *robots.SERVICES,
    *short_messages.SERVICES,
    *teams.SERVICES,
)
SLACK_BOT = ChannelService(
    name="Slack app",
    schemes=(KIND,),
    dialect=Dialect.LITERAL,
    dialect_source="docs.slack.dev/messaging/formatting-message-text: escaped, mrkdwn off",
    pace=Pace(
        interval=timedelta(seconds=1),
        source='Slack, "Rate limits", read 2026-11-29: one message a second for each channel',
    ),
)
"""Slack by a bot's token, which Apprise does not have in this form."""

UNKNOWN = ChannelService(name="", schemes=())

BY_NAME = {service.name: service for service in SERVICES}
BY_SCHEME = {scheme: service for service in SERVICES for scheme in service.schemes}
BY_ADDRESS = {address: service for service in SERVICES for address in service.addresses}

OTHER_WORDS = {"http": "json", "https": "jsons", "smtp": "mailto", "smtps": "mailtos", "teams": "workflows"}
"""The schemes that Apprise has for what people write, where no letters tell."""


def find_service(name: str) -> ChannelService:
    """Return the service that Apprise calls by this name."""
    return BY_NAME.get(name, UNKNOWN)


def service_of(channel: Channel) -> ChannelService:
    """Return the service of a channel by its URL, without Apprise."""
    if channel.kind == KIND:
        return SLACK_BOT
    by_address = (each for start, each in BY_ADDRESS.items() if re.match(start, channel.url, re.IGNORECASE))
    return next(by_address, BY_SCHEME.get(channel.kind, UNKNOWN))
