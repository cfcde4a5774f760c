"""Discord and the chats that resemble it: Fluxer and Guilded.

Codes by its own page: discord.com/developers/docs/topics/rate-limits.
"""

from typing import Any

from service.channels.channel_service import ChannelService, Dialect, Limit, OwnForm
from service.message import Form, RenderOptions, guard_markup, render_body
from service.model import Message

MAX_EMBED_TITLE = 256  # characters; discord.com/developers/docs/resources/message#embed-object-embed-limits
MAX_EMBED_TEXT = 4_096


def send_embed(plugin: Any, message: Message) -> None:
    """Send an embed with its color; only the URL's own ``ping=`` mentions people."""

    def send(*_: Any, **__: Any) -> bool:
        params = {"thread_id": plugin.thread_id} if plugin.thread_id else None
        return bool(plugin._send(_payload(plugin, message), params=params))

    plugin.send = send


def _payload(plugin: Any, message: Message) -> dict[str, Any]:
    color = plugin.color(message.severity, int)
    embed = {
        "title": guard_markup(message.title)[:MAX_EMBED_TITLE],
        "description": render_body(message, Form.MARKDOWN, RenderOptions(max_length=MAX_EMBED_TEXT)),
        "color": color,
    }
    if url := plugin.href or message.url:
        embed["url"] = url
    names = [*plugin.ping, *(f"<@{mention.discord}>" for mention in message.mentions if mention.discord)]
    pings = plugin.ping_payload(" ".join(names)) if names else {}
    payload = {"tts": plugin.tts, "wait": plugin.tts is False, "embeds": [embed]}
    payload["allowed_mentions"] = pings.get("allow_mentions", {"parse": []})
    if pings:
        payload["content"] = pings["content"]
    if plugin.user:
        payload["username"] = plugin.user
    if plugin.flags:
        payload["flags"] = plugin.flags
    return payload


def ping_by_url_alone(plugin: Any, _message: Message) -> None:
    """Let only the URL's own ``ping=`` mention people.

    The plugin would look for names in the body too.
    """
    ping_payload, send = plugin.ping_payload, plugin._send
    pings = ping_payload(" ".join(plugin.ping)) if plugin.ping else {}
    allowed = {"allowed_mentions": pings.get("allow_mentions", {"parse": []})}
    plugin.ping_payload = lambda *_: pings
    plugin._send = lambda payload, *more, **how: send(payload | allowed, *more, **how)


_PING_BY_URL = OwnForm(apply=ping_by_url_alone, look="Markdown")

SERVICES = (
    ChannelService(
        name="Discord",
        schemes=("discord",),
        dialect=Dialect.CODE,
        dialect_source=(
            "discord.com/developers/docs/resources/message: code spans; names are called by allowed_mentions alone"
        ),
        is_text_markdown=True,
        has_title_inside=True,
        own_form=OwnForm(
            apply=send_embed,
            look="an embed with its color",
            limit=Limit(
                max_length=MAX_EMBED_TEXT,
                is_bytes=False,
                source="discord.com/developers/docs/resources/message#embed-object-embed-limits",
            ),
        ),
    ),
    ChannelService(
        name="Fluxer",
        schemes=("fluxer", "fluxers"),
        is_text_markdown=True,
        has_title_inside=True,
        own_form=_PING_BY_URL,
    ),
    ChannelService(
        name="Guilded",
        schemes=("guilded",),
        is_text_markdown=True,
        has_title_inside=True,
        own_form=_PING_BY_URL,
    ),
)
