"""ntfy: a push with a tap and a priority."""

from typing import Any

from service.channels.channel_service import ChannelService, Dialect, Limit, OwnForm
from service.model import Message

TAGS = {"success": ["white_check_mark"], "failure": ["rotating_light"], "warning": ["warning"]}


def add_tap_and_priority(plugin: Any, message: Message) -> None:
    """Link a tap to the logs, and give a failure high priority: docs.ntfy.sh/publish.

    Values of the URL take precedence.
    """
    plugin.click = plugin.click or message.url
    if plugin.priority == "default" and message.severity == "failure":
        plugin.priority = "high"
    if not plugin._NotifyNtfy__tags:
        plugin._NotifyNtfy__tags = TAGS.get(message.severity, [])


SERVICES = (
    ChannelService(
        name="ntfy",
        schemes=("ntfy", "ntfys"),
        dialect=Dialect.LINKED,
        dialect_source=(
            "docs.ntfy.sh/publish/#markdown-formatting: off unless asked for; github.com/binwiederhier/ntfy-android, "
            "fragment_detail_item.xml: autoLink for title and text"
        ),
        limit=Limit(
            max_length=4_000,
            is_bytes=True,
            source="docs.ntfy.sh/publish/#limitations: 4,096 bytes, then a file",
        ),
        own_form=OwnForm(apply=add_tap_and_priority, look="text; a tap leads to the logs, a failure has high priority"),
    ),
)
