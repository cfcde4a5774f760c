"""Messages about no build: alarms of Roundsman's own."""

from collections.abc import Iterable

from service.message.blocks import Block, Line, link, untrusted
from service.message.formats import Form, render
from service.message.sanitize import safe_url, truncate
from service.message.truncate import fit_story
from service.model import Message

MAX_TITLE_LENGTH = 250
MAX_BODY_LENGTH = 3500


def compose_own(title: str, text: str, *, severity: str, page: str | None = None) -> Message:
    """Return a message of our own words, in every form.

    text   one paragraph in each line; names from outside in it are shown as they are
    page   our page about it
    """
    blocks = [Block(lines=(untrusted(line, 1_000),)) for line in text.splitlines() if line]
    return compose_story(title, (*blocks, *_page_link(page)), severity=severity, page=page)


def compose_story(title: str, story: Iterable[Block], *, severity: str, page: str | None = None) -> Message:
    """Return a message of these blocks, in every form."""
    blocks = tuple(story)
    return Message(
        title=truncate(title, MAX_TITLE_LENGTH),
        text=fit_story(blocks, lambda shorter: render(shorter, Form.TEXT), max_length=MAX_BODY_LENGTH),
        markdown=fit_story(blocks, lambda shorter: render(shorter, Form.MARKDOWN), max_length=MAX_BODY_LENGTH),
        html=render(blocks, Form.HTML),
        severity=severity,
        story=blocks,
        page=safe_url(page),
    )


def _page_link(page: str | None) -> list[Block]:
    line: Line = link(("Look at it in Roundsman",), page) if page else ()
    return [Block(lines=(line,))] if line else []
