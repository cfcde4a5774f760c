"""Microsoft Teams by Power Automate: an Adaptive Card."""

import json
from datetime import timedelta
from typing import Any

from service.channels.channel_service import ChannelService, Limit, OwnForm, Pace
from service.message import fit_story, guard_markup
from service.model import Aside, Block, Line, Link, Message, Untrusted

MAX_CARD_BYTES = 26_000  # of the request
COLORS = {"success": "Good", "failure": "Attention", "warning": "Warning"}
EVENT_LINK_TEXT = "Why did I get this?"


def send_card(plugin: Any, message: Message) -> None:
    """Send an Adaptive Card of text runs.

    Text runs have no Markdown: adaptivecards.io/explorer/TextRun.html.
    """

    def payload(**_: Any) -> dict[str, Any]:
        payload_json = fit_story(
            message.story,
            lambda story: json.dumps(_payload(message, story, plugin.adaptive_card_version)),
            max_length=MAX_CARD_BYTES,
        )
        return dict(json.loads(payload_json or json.dumps(_payload(message, (), plugin.adaptive_card_version))))

    plugin.gen_payload = payload


def _payload(message: Message, story: tuple[Block, ...], version: str) -> dict[str, Any]:
    title: dict[str, Any] = {
        "type": "TextRun",
        "text": guard_markup(message.title),
        "weight": "Bolder",
        "size": "Large",
    }
    title["color"] = COLORS.get(message.severity, "Default")
    blocks = [_text_block([title]), *(element for block in story for element in _block(block))]
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


def _block(block: Block) -> list[dict[str, Any]]:
    items = [_text_block([*([_run("- ")] if block.heading else []), *_runs(line)]) for line in block.lines]
    heading = [_text_block([run | {"weight": "Bolder"} for run in _runs(block.heading)])] if block.heading else []
    rest = [_text_block([_run(block.rest)])] if block.rest else []
    return [*heading, *items, *rest]


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


SERVICES = (
    ChannelService(
        name="Power Automate / Workflows (for MSTeams)",
        schemes=("workflow", "workflows"),
        addresses=(r"https?://[^/]+(/powerautomate/[^?]+)?/workflows/[^/]+/triggers/manual/paths/invoke",),
        dialect_source=(
            "learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format: Markdown, <at>"
        ),
        own_form=OwnForm(
            apply=send_card,
            look="a card with buttons",
            limit=Limit(
                max_length=MAX_CARD_BYTES,
                is_bytes=True,
                source='28 kB by learn.microsoft.com, "Rate limiting for bots" and "Format cards"',
            ),
        ),
        pace=Pace(
            interval=timedelta(seconds=0.25),
            source=(
                'learn.microsoft.com, "Create Incoming Webhooks", read 2026-11-28: four requests a second; for '
                "workflows no page was found that gives another figure"
            ),
        ),
    ),
)
