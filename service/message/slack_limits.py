"""Slack's published limits of a message, checked before it is sent.

Sources: docs.slack.dev/reference/block-kit/blocks and its pages on each block and element, and
docs.slack.dev/reference/methods/chat.postMessage ("Truncating content"), read 2026-11-28.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_TEXT = 3_000
MAX_ALL_TEXT = 40_000
MAX_ATTACHMENTS = 100
MAX_URL = 3_000
MAX_BUTTON_TEXT = 75
MAX_BUTTONS = 25
MAX_CONTEXT_ELEMENTS = 10
MAX_HEADER = 150
MAX_ID = 255

_STYLES = frozenset({"bold", "italic", "strike", "code"})
_COLOR = re.compile(r"#[0-9a-fA-F]{6}|good|warning|danger")
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_WEB = re.compile(r"https?://[^\s<>|]+")
_EMOJI = re.compile(r"[a-z0-9_+-]{1,60}")

Shape = Mapping[str, Any]


def slack_problems(payload: Shape) -> list[str]:
    """Return the problems for which Slack could refuse a message, as sentences."""
    return list(_problems(payload))


def _problems(payload: Shape) -> Iterator[str]:
    attachments = payload.get("attachments", [])
    blocks = [*payload.get("blocks", []), *(block for each in attachments for block in each.get("blocks", []))]
    if not payload.get("text"):
        yield "text is empty: a lock screen would show nothing"
    if len(attachments) > MAX_ATTACHMENTS:
        yield f"there are {len(attachments)} attachments of {MAX_ATTACHMENTS} at most"
    if len(blocks) > MAX_BLOCKS:
        yield f"there are {len(blocks)} blocks of {MAX_BLOCKS} at most"
    if (length := sum(len(text) for text in _texts(payload))) > MAX_ALL_TEXT:
        yield f"all texts have {length} characters of {MAX_ALL_TEXT} at most"
    for each in attachments:
        if "color" in each and not _COLOR.fullmatch(each["color"]):
            yield f"{each['color']} is not a color"
    for block in blocks:
        yield from _block_problems(block)


def _texts(shape: object) -> Iterator[str]:
    """Yield all texts of a shape."""
    if isinstance(shape, Mapping):
        for key, value in shape.items():
            if isinstance(value, str) and key in {"text", "fallback", "title", "pretext"}:
                yield value
            else:
                yield from _texts(value)
    elif isinstance(shape, list | tuple):
        for value in shape:
            yield from _texts(value)


def _block_problems(block: Shape) -> Iterator[str]:
    kind = str(block.get("type"))
    check = _BLOCKS.get(kind)
    if check is None:
        yield f"{kind} is not a block"
        return
    yield from _length(block.get("block_id", "-"), MAX_ID, "a block_id")
    yield from check(block)


def _section(block: Shape) -> Iterator[str]:
    yield from _length(block.get("text", {}).get("text"), MAX_TEXT, "a section's text")


def _header(block: Shape) -> Iterator[str]:
    yield from _length(block.get("text", {}).get("text"), MAX_HEADER, "a header")


def _context(block: Shape) -> Iterator[str]:
    yield from _count(block, MAX_CONTEXT_ELEMENTS, "a context block")
    for element in block.get("elements", []):
        yield from _length(element.get("text"), MAX_TEXT, "a context's text")


def _actions(block: Shape) -> Iterator[str]:
    yield from _count(block, MAX_BUTTONS, "an actions block")
    for element in block.get("elements", []):
        if element.get("type") != "button":
            yield f"{element.get('type')} is not a button"
        yield from _length(element.get("text", {}).get("text"), MAX_BUTTON_TEXT, "a button")
        yield from _length(element.get("action_id", "-"), MAX_ID, "an action_id")
        yield from _url(element)


def _rich_text(block: Shape) -> Iterator[str]:
    yield from _count(block, MAX_ALL_TEXT, "a rich_text block")
    for part in block.get("elements", []):
        yield from _rich_part(part)


def _rich_part(part: Shape) -> Iterator[str]:
    kind = part.get("type")
    if kind not in {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}:
        yield f"{kind} is not a part of rich text"
        return
    yield from _count(part, MAX_ALL_TEXT, str(kind))
    for element in part.get("elements", []):
        yield from _rich_part(element) if kind == "rich_text_list" else _rich_element(element)


def _rich_element(element: Shape) -> Iterator[str]:
    match element.get("type"):
        case "text":
            yield from _length(element.get("text"), MAX_TEXT, "a text")
        case "link":
            yield from _length(element.get("text"), MAX_TEXT, "a link")
            yield from _url(element)
        case "user":
            if not _USER.fullmatch(str(element.get("user_id"))):
                yield f"{element.get('user_id')} is not the id of a user"
        case "emoji":
            if not _EMOJI.fullmatch(str(element.get("name"))):
                yield f"{element.get('name')} is not the name of an emoji"
        case other:
            yield f"{other} is not an element of rich text"
    if unknown := set(element.get("style", {})) - _STYLES:
        yield f"{', '.join(sorted(unknown))} is not a style"


def _length(text: object, longest: int, name: str) -> Iterator[str]:
    if not isinstance(text, str) or not text:
        yield f"{name} is empty"
    elif len(text) > longest:
        yield f"{name} has {len(text)} characters of {longest} at most"


def _count(shape: Shape, most: int, name: str) -> Iterator[str]:
    count = len(shape.get("elements", []))
    if not 1 <= count <= most:
        yield f"{name} has {count} elements; 1 to {most} are allowed"


def _url(element: Shape) -> Iterator[str]:
    yield from _length(element.get("url"), MAX_URL, "an address")
    if not _WEB.fullmatch(str(element.get("url"))):
        yield "an address is not one of http or https"


_BLOCKS: Mapping[str, Callable[[Shape], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "rich_text": _rich_text,
    "divider": lambda _: iter(()),
}
