"""The URL of a channel that a Slack app posts to: ``slack-bot://TOKEN/CHANNEL``."""

import re
from dataclasses import dataclass, field

KIND = "slack-bot"
SLACK_URL = "https://slack.com/api/"
EXAMPLE = "slack-bot://xoxb-.../C0123456"

_URL = re.compile(rf"{KIND}://(?P<token>[^/?#@\s]+)/(?P<channel>[^/?#@\s]+)/?", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._-]+")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]+")
_PERSON = re.compile(r"[UW][A-Z0-9]+")


@dataclass(frozen=True, kw_only=True)
class SlackAddress:
    """A channel of Slack, and the token of an app that may post there."""

    token: str = field(repr=False)
    channel: str


@dataclass(frozen=True, kw_only=True)
class Examined:
    """The state of a token, as a sentence.

    is_wrong   it cannot be used
    is_less    it can, with the restriction that the sentence names
    """

    sentence: str
    is_wrong: bool = False
    is_less: bool = False


def read_address(url: str) -> SlackAddress | None:
    """Return the address in a URL; None if it is none."""
    found = _URL.fullmatch(url)
    if found is None or not _TOKEN.fullmatch(found["token"]) or not _CHANNEL.fullmatch(found["channel"]):
        return None
    return SlackAddress(token=found["token"], channel=found["channel"])


def problem(url: str) -> str | None:
    """Return the problem of a URL as a sentence without secrets, or None."""
    if read_address(url) is not None:
        return None
    found = _URL.fullmatch(url)
    if found is None:
        return f"this {KIND}:// URL is not complete: write the app's bot token and the channel's id, as in {EXAMPLE}"
    if not _TOKEN.fullmatch(found["token"]):
        return "the token holds a character that no token of Slack has; copy the bot token anew, without quotes"
    if _PERSON.fullmatch(found["channel"]):
        return "it names a person (U...): write the id of the direct message with the app, which begins with D"
    return "the channel is not given by its id: open its details in Slack and copy the id at the end, such as C0123456"
