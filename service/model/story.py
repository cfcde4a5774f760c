"""The parts a story is made of: our own words, what others said, and links."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Untrusted:
    """Words from outside: each form shows exactly these characters, and acts on none of them."""

    text: str


Words = tuple[str | Untrusted, ...]


@dataclass(frozen=True, kw_only=True)
class Link:
    """Words that lead somewhere; ``url`` is http or https and holds nothing that is markup in any form but HTML."""

    words: Words
    url: str


@dataclass(frozen=True, kw_only=True)
class Aside:
    """Words that a line can do without where room is short."""

    words: Words


Line = tuple[str | Untrusted | Link | Aside, ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that belong together: paragraphs, or the items of a list if there is a heading.

    more   how many items there are beside those in ``lines``
    """

    lines: tuple[Line, ...]
    heading: Line = ()
    more: int = 0
