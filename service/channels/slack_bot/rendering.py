"""A message in Slack's form: a text, and an attachment with a color.

Outside words are literal: markup is off, and the three characters that Slack reads in any text are escaped.
"""

from collections.abc import Mapping
from typing import Any

from service.message import one_line
from service.model import Color, Message

MAX_TEXT = 3_000  # characters; docs.slack.dev/reference/methods/chat.postMessage, "Truncating content": of 40,000
MAX_SHORT_TEXT = 300
COLORS = {Color.RED: "#c9302c", Color.GREEN: "#2e8540", Color.GREY: "#8a8f98"}
SEVERITY_COLORS = {"failure": Color.RED, "success": Color.GREEN}
# chat.update reads names and addresses in a text unless it is told not to
LITERAL = {"mrkdwn": False, "parse": "none", "link_names": False}


def render(message: Message, color: Color | None) -> Mapping[str, Any]:
    """Return the arguments that hold a message; without a color that of its severity."""
    title, shown = escape(message.title), color or SEVERITY_COLORS.get(message.severity, Color.GREY)
    attachment = {
        "color": COLORS[shown],
        "fallback": title,
        "text": escape(message.text[:MAX_TEXT]),
        "mrkdwn_in": [],
    }
    return {"text": title, "attachments": [attachment], **LITERAL}


def render_short(message: Message) -> Mapping[str, Any]:
    """Return the arguments of the shortest form: the title and an address."""
    title = escape(one_line(message.title, MAX_SHORT_TEXT))
    address = message.page or message.url
    return {"text": f"{title}\n{escape(address)}" if address else title, "attachments": [], **LITERAL}


def escape(text: str) -> str:
    """Return the text as Slack shows it literally."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
