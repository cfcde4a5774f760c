"""Forms of some services in place of one text: cards, embeds and fields.

Apprise's plugin for the service still makes the request; its content is replaced on the plugin object.
"""

import json
from collections.abc import Callable
from typing import Any

import apprise

from service.channels.incident_services import incident_key
from service.message import Form, RenderOptions, fit_story, guard_markup, render_body
from service.model import Aside, Block, Line, Link, Message, Untrusted

MAX_TEAMS_BYTES = 26_000  # of the request; 28 kB by learn.microsoft.com, "Rate limiting for bots" and "Format cards"
MAX_EMBED_TITLE = 256  # characters; discord.com/developers/docs/resources/message#embed-object-embed-limits
MAX_EMBED_TEXT = 4_096
MAX_SUMMARY = 1_024  # characters; developer.pagerduty.com/docs/send-alert-event

TEAMS_COLORS = {"success": "Good", "failure": "Attention", "warning": "Warning"}
NTFY_TAGS = {"success": ["white_check_mark"], "failure": ["rotating_light"], "warning": ["warning"]}
EVENT_LINK_TEXT = "Why did I get this?"

ServiceForm = Callable[[Any, Message], None]


def use_service_form(service: str, plugin: Any, message: Message) -> None:
    """Let a plugin send the message in the service's own form, if there is one.

    A template in the URL takes precedence.
    """
    form = SERVICE_FORMS.get(service)
    if form is not None and message.story and not getattr(plugin, "template", None):
        form(plugin, message)


def _teams(plugin: Any, message: Message) -> None:
    """Send an Adaptive Card of text runs.

    Text runs have no Markdown: adaptivecards.io/explorer/TextRun.html.
    """

    def payload(**_: Any) -> dict[str, Any]:
        payload_json = fit_story(
            message.story,
            lambda story: json.dumps(_teams_payload(message, story, plugin.adaptive_card_version)),
            max_length=MAX_TEAMS_BYTES,
        )
        return dict(json.loads(payload_json or json.dumps(_teams_payload(message, (), plugin.adaptive_card_version))))

    plugin.gen_payload = payload


def _teams_payload(message: Message, story: tuple[Block, ...], version: str) -> dict[str, Any]:
    title: dict[str, Any] = {
        "type": "TextRun",
        "text": guard_markup(message.title),
        "weight": "Bolder",
        "size": "Large",
    }
    title["color"] = TEAMS_COLORS.get(message.severity, "Default")
    blocks = [_text_block([title]), *(element for block in story for element in _teams_block(block))]
    links = (("Open in CircleCI", message.url), (EVENT_LINK_TEXT, message.page))
    actions = [{"type": "Action.OpenUrl", "title": words, "url": url} for words, url in links if url]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": version,
        "body": blocks,
        "actions": actions,
        "msteams": {"width": "full"},
        "fallbackText": guard_markup(message.title),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _teams_block(block: Block) -> list[dict[str, Any]]:
    items = [_text_block([*([_run("- ")] if block.heading else []), *_runs(line)]) for line in block.lines]
    heading = [_text_block([run | {"weight": "Bolder"} for run in _runs(block.heading)])] if block.heading else []
    more = [_text_block([_run(f"and {block.more} more")])] if block.more and block.lines else []
    return [*heading, *items, *more]


def _text_block(inlines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": inlines}


def _runs(line: Line) -> list[dict[str, Any]]:
    return [run for piece in line for run in _runs_of(piece) if run["text"]]


def _runs_of(piece: str | Untrusted | Link | Aside) -> list[dict[str, Any]]:
    match piece:
        case Link(words=words, url=url):
            action = {"type": "Action.OpenUrl", "url": url}
            return [run | {"selectAction": action, "underline": True} for run in _runs(words)]
        case Aside(words=words):
            return _runs(words)
        case Untrusted(text=words):
            return [_run(guard_markup(words))]
        case words:
            return [_run(words)]


def _run(words: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": words}


def _discord(plugin: Any, message: Message) -> None:
    """Send an embed with its color; only the URL's own ``ping=`` mentions people."""

    def send(*_: Any, **__: Any) -> bool:
        params = {"thread_id": plugin.thread_id} if plugin.thread_id else None
        return bool(plugin._send(_discord_payload(plugin, message), params=params))

    plugin.send = send


def _discord_payload(plugin: Any, message: Message) -> dict[str, Any]:
    color = plugin.color(apprise.NotifyType(message.severity), int)
    embed = {
        "title": guard_markup(message.title)[:MAX_EMBED_TITLE],
        "description": render_body(message, Form.MARKDOWN, RenderOptions(max_length=MAX_EMBED_TEXT)),
        "color": color,
    }
    if url := plugin.href or message.url:
        embed["url"] = url
    pings = plugin.ping_payload(" ".join(plugin.ping)) if plugin.ping else {}
    payload = {"tts": plugin.tts, "wait": plugin.tts is False, "embeds": [embed]}
    payload["allowed_mentions"] = pings.get("allow_mentions", {"parse": []})
    if pings:
        payload["content"] = pings["content"]
    if plugin.user:
        payload["username"] = plugin.user
    if plugin.flags:
        payload["flags"] = plugin.flags
    return payload


def _only_pings_of_url(plugin: Any, _message: Message) -> None:
    """Let only the URL's own ``ping=`` mention people.

    The plugin would look for names in the body too.
    """
    ping_payload, send = plugin.ping_payload, plugin._send
    pings = ping_payload(" ".join(plugin.ping)) if plugin.ping else {}
    allowed = {"allowed_mentions": pings.get("allow_mentions", {"parse": []})}
    plugin.ping_payload = lambda *_: pings
    plugin._send = lambda payload, *more, **how: send(payload | allowed, *more, **how)


def _ntfy(plugin: Any, message: Message) -> None:
    """Link a tap to the logs, and give a failure high priority: docs.ntfy.sh/publish.

    Values of the URL take precedence.
    """
    plugin.click = plugin.click or message.url
    if plugin.priority == "default" and message.severity == "failure":
        plugin.priority = "high"
    if not plugin._NotifyNtfy__tags:
        plugin._NotifyNtfy__tags = NTFY_TAGS.get(message.severity, [])


def _pagerduty(plugin: Any, message: Message) -> None:
    """Open an incident under the subject's key, which a success closes.

    The summary is the title: a phone call reads it out.
    """
    plugin.dedup = plugin.dedup or incident_key(message)
    if message.severity in {"success", "info"} and plugin.action == "trigger":
        plugin.action = "resolve"
    plugin.click = plugin.click or message.url
    plugin.source = "Roundsman" if plugin.source == "Apprise" else plugin.source
    plugin.component = "CircleCI" if plugin.component == "Notification" else plugin.component
    details = {"message": message.text, **({"why": message.page} if message.page else {})}
    plugin.details = {**details, **plugin.details}
    send = plugin.send
    plugin.send = lambda *_, **how: send(**how | {"body": message.title[:MAX_SUMMARY], "title": ""})


SERVICE_FORMS: dict[str, ServiceForm] = {
    "Power Automate / Workflows (for MSTeams)": _teams,
    "Discord": _discord,
    "Fluxer": _only_pings_of_url,
    "Guilded": _only_pings_of_url,
    "ntfy": _ntfy,
    "Pager Duty": _pagerduty,
}
