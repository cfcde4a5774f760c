"""Messages about no build: digests, and alarms of Roundsman's own."""

import re
from collections.abc import Iterable, Iterator

from service.message.blocks import Block, Line, Words, link, untrusted
from service.message.formats import Form, render
from service.message.sanitize import safe_url, truncate
from service.message.truncate import fit_story
from service.model import Message

MAX_TITLE_LENGTH = 250
MAX_BODY_LENGTH = 3500
ITEM = "- "
_MORE = re.compile(r"and (\d{1,9}) more")
_PLAIN = re.compile(r"[A-Z][A-Za-z,: ]*\d{0,9}")


def compose_own(title: str, text: str, *, severity: str, page: str | None = None) -> Message:
    """Return a message of our own words, in every form.

    text   one paragraph in each line; those that begin with ``- `` are a list under the line before them. Names from
           outside in it are shown as they are
    page   our page about it
    """
    return compose_story(title, (*_to_blocks(text), *_page_link(page)), severity=severity, page=page)


def _to_blocks(text: str) -> Iterator[Block]:
    """Yield a block for each paragraph, and one for each list with its heading."""
    head: str | None = None
    items: list[Line] = []
    for line in filter(None, text.splitlines()):
        if line.startswith(ITEM) and head is not None:
            items.append(untrusted(line.removeprefix(ITEM), 1_000))
            continue
        more = _MORE.fullmatch(line) if items else None
        yield from _block(head, items, more=int(more[1]) if more else 0)
        head, items = None if more else line, []
    yield from _block(head, items)


def _block(head: str | None, items: Iterable[Line], *, more: int = 0) -> Iterator[Block]:
    lines = tuple(items)
    if head is not None and lines:
        yield Block(heading=_heading(head), lines=lines, more=more)
    elif head is not None:
        yield Block(lines=(untrusted(head, 1_000),))


def _heading(head: str) -> Words:
    """Return a heading; one of nothing but words and a number is markup nowhere."""
    return (head,) if _PLAIN.fullmatch(head) else untrusted(head, 200)


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
