"""Lines of a story, put together from our own words, what others said, and links."""

from collections.abc import Iterable

from service.message.sanitize import one_line, safe_url
from service.model import Aside, Block, Line, Link, Untrusted, Words

__all__ = ["Aside", "Block", "Line", "Link", "Untrusted", "Words", "join", "link", "plain_text", "untrusted"]


def untrusted(text: str | None, max_length: int = 200) -> Words:
    """Return words from outside as one piece, or as none when there are no words."""
    words = one_line(text, max_length)
    return (Untrusted(text=words),) if words else ()


def link(words: Words, url: str | None) -> Line:
    """Return the words, leading to the address if it is one that people can safely follow."""
    safe = safe_url(url)
    return (Link(words=words, url=safe),) if words and safe else words


def join(parts: Iterable[Line], between: str = " ") -> Line:
    """Return the parts that say something, with our words between them."""
    telling = [part for part in parts if part]
    return tuple(piece for n, part in enumerate(telling) for piece in ((between, *part) if n else part))


def plain_text(line: Line) -> str:
    """Return the line's words alone, without its links."""
    return "".join(_plain_piece(piece) for piece in line)


def _plain_piece(piece: str | Untrusted | Link | Aside) -> str:
    match piece:
        case Untrusted(text=words):
            return words
        case Link(words=words) | Aside(words=words):
            return plain_text(words)
        case words:
            return words
