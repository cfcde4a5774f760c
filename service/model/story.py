"""The parts of a message: our own words, untrusted text, links and blocks."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Untrusted:
    """Text from outside, which no format may interpret.

    Each format shows exactly these characters, and escapes those that it would act on.
    """

    text: str


Words = tuple[str | Untrusted, ...]


@dataclass(frozen=True, kw_only=True)
class Link:
    """Words with a hyperlink.

    url   http or https, without a character that is markup in any format but HTML
    """

    words: Words
    url: str


@dataclass(frozen=True, kw_only=True)
class Aside:
    """Words that are left out of a line where room is short."""

    words: Words


Line = tuple[str | Untrusted | Link | Aside, ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that belong together: paragraphs, or with a heading the items of a list.

    more   the number of items left out of ``lines``
    """

    lines: tuple[Line, ...]
    heading: Line = ()
    more: int = 0
