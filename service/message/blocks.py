"""Lines of a story, put together from our own words, what others said, and links."""

from collections.abc import Iterable

from service.message.sanitize import one_line, web_link
from service.model import Aside, Block, Line, Link, Untrusted, Words

__all__ = ["Aside", "Block", "Line", "Link", "Untrusted", "Words", "joined", "linked", "plain", "said"]


def said(text: str | None, longest: int = 200) -> Words:
    """Return words from outside as one piece, or as none when there are no words."""
    words = one_line(text, longest)
    return (Untrusted(text=words),) if words else ()


def linked(words: Words, url: str | None) -> Line:
    """Return the words, leading to the address if it is one that people can safely follow."""
    safe = web_link(url)
    return (Link(words=words, url=safe),) if words and safe else words


def joined(parts: Iterable[Line], between: str = " ") -> Line:
    """Return the parts that say something, with our words between them."""
    telling = [part for part in parts if part]
    return tuple(piece for n, part in enumerate(telling) for piece in ((between, *part) if n else part))


def plain(line: Line) -> str:
    """Return the line's words alone, without its links."""
    return "".join(_plain(piece) for piece in line)


def _plain(piece: str | Untrusted | Link | Aside) -> str:
    match piece:
        case Untrusted(text=words):
            return words
        case Link(words=words) | Aside(words=words):
            return plain(words)
        case words:
            return words
