"""Bodies of answers: their values and their text."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from service.channels.refusal_forms import MESSAGE_FIELDS, Path
from service.message import one_line

MAX_REASON_LENGTH = 120  # characters

_PAIR = re.compile(r'[{,]\s*"([^"\\]{1,60})"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9.]+|true|false|null)\s*(?=[,}])')
_WEB_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HIDDEN_ELEMENTS = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def parse_json(content: bytes) -> Any:
    """Return the JSON of a body, or None.

    Of JSON that is cut off: the strings, numbers and constants before its first list or object.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _first_values(as_text(content)) or None


def as_text(content: bytes) -> str:
    """Return the body as text; bytes that are not UTF-8 become a mark."""
    return content.decode("utf-8", "replace").lstrip("\ufeff").strip()


def is_web_page(content: bytes) -> bool:
    """Tell whether the body is a web page for people."""
    return _WEB_PAGE.match(as_text(content[:500])) is not None


def find_values(body: Any, path: Path) -> Iterator[Any]:
    """Yield the values at a path of a body; keys match in any case."""
    if not path:
        yield body
        return
    key, rest = path[0], path[1:]
    if key == "*" and isinstance(body, list):
        for item in body:
            yield from find_values(item, rest)
    elif isinstance(body, dict):
        folded = key.casefold()
        for name, value in body.items():
            if name == key or name.casefold() == folded:
                yield from find_values(value, rest)


def code_text(value: Any) -> str:
    """Return a value as ``refusal_forms`` writes it: JSON, strings without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def message_field(body: Any) -> str:
    """Return the first text in one of the MESSAGE_FIELDS; empty if there is none."""
    found = (value for path in MESSAGE_FIELDS for value in find_values(body, path))
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def message_text(content: bytes) -> str:
    """Return the text of a body for people.

    The message field of JSON, or the text, or the title and the text of a web page.
    """
    body = parse_json(content)
    if body is not None and (field := message_field(body)):
        return field
    text = as_text(content)
    if "<" not in text:
        return text
    title = _TITLE.search(text)
    shown = _TAG.sub(" ", _HIDDEN_ELEMENTS.sub(" ", text))
    return unescape(f"{title[1] if title else ''} {shown}").strip()


def shorten(text: str) -> str:
    """Return the text on one line, short enough for a reason."""
    return one_line(text, MAX_REASON_LENGTH)


def _first_values(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    while pair := _PAIR.match(text, at):
        found.setdefault(pair[1], json.loads(pair[2]))
        at = pair.end()
    return found
