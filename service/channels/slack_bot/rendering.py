"""A message as arguments of Slack's Web API. Outside words are literal in it."""

from collections.abc import Mapping
from typing import Any

from service.message import one_line, slack_message
from service.message.slack import COLORS, escape_slack
from service.model import Color, Message

MAX_SHORT_TEXT = 300
# chat.update reads names and addresses in a text unless it is told not to
LITERAL = {"mrkdwn": False, "parse": "none", "link_names": False}


def render(message: Message, color: Color | None) -> Mapping[str, Any]:
    """Return the arguments that hold a message; without a color that of its severity."""
    return {**slack_message(message, color=COLORS[color] if color else None), **LITERAL}


def render_short(message: Message) -> Mapping[str, Any]:
    """Return the arguments of the shortest form: the title and an address."""
    title = escape_slack(one_line(message.title, MAX_SHORT_TEXT))
    address = message.page or message.url
    text = f"{title}\n{escape_slack(address)}" if address else title
    return {"text": text, "blocks": [], "attachments": [], **LITERAL}
