"""The parts a story is made of: our own words, what others said, and links."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.message.clean import one_line, web_link


@dataclass(frozen=True, kw_only=True)
class Said:
    """Words from outside: each form shows exactly these characters, and acts on none of them."""

    text: str


Words = tuple[str | Said, ...]


@dataclass(frozen=True, kw_only=True)
class Link:
    """Words that lead somewhere; ``url`` is http or https and holds nothing that is markup in any form but HTML."""

    words: Words
    url: str


Line = tuple[str | Said | Link, ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that belong together: paragraphs, or the items of a list if there is a heading."""

    lines: tuple[Line, ...]
    heading: Line = ()


def said(text: str | None, longest: int = 200) -> Words:
    """Words from outside as one piece, or as none when there are no words."""
    words = one_line(text, longest)
    return (Said(text=words),) if words else ()


def linked(words: Words, url: str | None) -> Line:
    """The words, leading to the address if it is one that people can safely follow."""
    safe = web_link(url)
    return (Link(words=words, url=safe),) if words and safe else words


def joined(parts: Iterable[Line], between: str = " ") -> Line:
    """The parts that say something, with our words between them."""
    telling = [part for part in parts if part]
    return tuple(piece for n, part in enumerate(telling) for piece in ((between, *part) if n else part))


def plain(line: Line) -> str:
    """The line's words alone, without its links."""
    return "".join(_plain(piece) for piece in line)


def _plain(piece: str | Said | Link) -> str:
    match piece:
        case Said(text=words):
            return words
        case Link(words=words):
            return plain(words)
        case words:
            return words
