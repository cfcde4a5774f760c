"""Lines of a story: our own words, untrusted text and links."""

from collections.abc import Iterable

from service.message.sanitize import one_line, safe_url
from service.model import Aside, Block, Line, Link, Untrusted, Words

__all__ = ["Aside", "Block", "Line", "Link", "Untrusted", "Words", "join", "link", "plain_text", "untrusted"]


def untrusted(text: str | None, max_length: int = 200) -> Words:
    """Return text from outside as one untrusted piece; no piece if it is empty."""
    words = one_line(text, max_length)
    return (Untrusted(text=words),) if words else ()


def link(words: Words, url: str | None) -> Line:
    """Return the words as a link if the URL is safe to follow, else the words."""
    safe = safe_url(url)
    return (Link(words=words, url=safe),) if words and safe else words


def join(parts: Iterable[Line], between: str = " ") -> Line:
    """Return the parts that are not empty, with a separator between them."""
    filled = [part for part in parts if part]
    return tuple(piece for n, part in enumerate(filled) for piece in ((between, *part) if n else part))


def plain_text(line: Line) -> str:
    """Return the line's words without its URLs."""
    return "".join(_plain_piece(piece) for piece in line)


def _plain_piece(piece: str | Untrusted | Link | Aside) -> str:
    match piece:
        case Untrusted(text=words):
            return words
        case Link(words=words) | Aside(words=words):
            return plain_text(words)
        case words:
            return words
