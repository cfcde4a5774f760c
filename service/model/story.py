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
    """Words that are left out of a line where room is short.

    is_module   they say where a test stands, and are left out before its message
    """

    words: Words
    is_module: bool = False


Line = tuple[str | Untrusted | Link | Aside, ...]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that belong together: paragraphs, or with a heading the items of a list.

    more      the number of items left out of ``lines``
    is_open   there may be items that were not counted
    is_for    it names the people whom the message is for: a service that can mention them does so in its place
    has_acts  its links lead to acts: left out whole where room is short, and buttons where a service has such
    """

    lines: tuple[Line, ...]
    heading: Line = ()
    more: int = 0
    is_open: bool = False
    is_for: bool = False
    has_acts: bool = False

    @property
    def rest(self) -> str | None:
        """The last line, which counts the items left out: ``and 190 more``."""
        if not self.more:
            return None
        least = "at least " if self.is_open else ""
        return f"and {least}{self.more} more" if self.lines else f"{least}{self.more} of them"
