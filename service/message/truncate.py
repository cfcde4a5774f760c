"""Shorten a message to the size that a channel accepts.

The least important parts are left out first; the number of items that are missing is always said.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from service.message.blocks import Aside, Block, Line, Link, Untrusted, join, plain_text
from service.message.formats import Form, Guard, heading, render
from service.message.sanitize import truncate
from service.model import Message

MAX_SHORT = 80  # characters of a name in a shortened message

Size = Callable[[str], int]
Story = tuple[Block, ...]


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """Options of a message's body: its maximum size, its title and its guard.

    max_length  characters, or the unit that ``size`` counts
    has_title   the title is the body's first line, for channels without a title of their own
    guard       breaks untrusted text where it could act; None: nothing acts
    """

    max_length: int
    size: Size = len
    has_title: bool = False
    guard: Guard | None = None


def render_body(message: Message, form: Form, options: RenderOptions) -> str:
    """Return the message as one body, shortened to the options' maximum size."""
    top = heading(message.title, form, options.guard) if options.has_title else ""
    if message.story:
        found = fit_story(
            message.story,
            lambda story: top + render(story, form, options.guard),
            max_length=options.max_length,
            size=options.size,
        )
    else:
        body = {Form.MARKDOWN: message.markdown, Form.HTML: message.html}.get(form, message.text)
        found = cut_lines(f"{top}{body}", options.max_length)
    return found or truncate(options.guard(message.title) if options.guard else message.title, options.max_length)


def fit_story(story: Story, show: Callable[[Story], str], *, max_length: int, size: Size = len) -> str:
    """Return the longest version of the story that fits, rendered by ``show``.

    Empty if not even the shortest version fits.
    """
    bodies = (show(lighter) for lighter in shorter_versions(story))
    return next((body for body in bodies if size(body) <= max_length), "")


def shorter_versions(story: Story) -> Iterator[Story]:
    """Yield the story, then ever shorter versions, the least important part first.

    The parts go in this order: all URLs but the first (the logs) and the last (our page), with the links to acts, the
    ends of long names, the modules of tests, their messages, items one by one from the longest list, all items, our
    page, the author, the logs, and last the numbers.
    """
    yield story
    for step in (_without_item_links, _with_two_links, _with_short_names, _without_modules, _without_asides):
        story = step(story)
        yield story
    while any(len(block.lines) > 1 for block in story if block.heading):
        story = _with_fewer_items(story)
        yield story
    yield tuple(_only_count(block) for block in story)
    if any(block.heading for block in story):
        yield from _numbers_in_a_line(story)
    yield tuple(block for block in story if not block.heading)
    yield story[:1]
    yield _with_links(story[:1], set())


def _numbers_in_a_line(story: Story) -> Iterator[Story]:
    """Yield versions with all lists as one line of numbers.

    Such as ``Failed jobs: 61. 200 of 1400 tests failed.``
    """
    sentences = [_number_sentence(block) for block in story if block.heading]
    numbers = Block(lines=(join(sentences),))
    [first, *others] = [block for block in story if not block.heading] or [numbers]
    news = replace(first, lines=first.lines[:1])
    yield (first, numbers, *others)
    yield (first, numbers)
    yield (news, numbers)
    yield _with_links((first, numbers), set())
    yield _with_links((news, numbers), set())
    yield (numbers,)


def _number_sentence(block: Block) -> Line:
    """Return the number of a list's items; the item itself if it is alone."""
    count = block.more + len(block.lines)
    if count == 1 and block.lines:
        return (*block.heading, ": ", *block.lines[0], ".")
    has_number = any(letter.isdigit() for letter in plain_text(block.heading))
    return (*block.heading, "." if has_number else f": {count}.")


def cut_lines(body: str, max_length: int) -> str:
    """Return the body, or its first lines, three dots and its last line.

    Empty if not even these fit. For a message without a story.
    """
    if len(body) <= max_length:
        return body
    lines = body.splitlines()
    first, end = lines[:-1], f"\n...\n\n{lines[-1]}"
    while first and len("\n".join([*first, end])) > max_length:
        first.pop()
    return "\n".join([*first, end]) if first else ""


def _without_item_links(story: Story) -> Story:
    kept = {id(link) for block in story if not block.heading for link in _links(block)}
    return _with_links(story, kept)


def _with_two_links(story: Story) -> Story:
    story = tuple(block for block in story if not block.has_acts)
    links = [link for block in story for link in _links(block)]
    return _with_links(story, {id(link) for link in (*links[:1], *links[-1:])})


def _links(block: Block) -> list[Link]:
    return [piece for line in block.lines for piece in line if isinstance(piece, Link)]


def _with_links(story: Story, kept: set[int]) -> Story:
    """Return the story with these links; of all others only the words are left."""

    def pieces(line: Line) -> Line:
        parts = (piece.words if isinstance(piece, Link) and id(piece) not in kept else (piece,) for piece in line)
        return tuple(chain.from_iterable(parts))

    return tuple(replace(block, lines=tuple(pieces(line) for line in block.lines)) for block in story)


def _with_short_names(story: Story) -> Story:
    return tuple(
        replace(block, lines=tuple(tuple(_short(piece) for piece in line) for line in block.lines)) for block in story
    )


def _short(piece: str | Untrusted | Link | Aside) -> str | Untrusted | Link | Aside:
    if isinstance(piece, Link | Aside):
        return replace(piece, words=tuple(_short_word(word) for word in piece.words))
    return _short_word(piece)


def _short_word(word: str | Untrusted) -> str | Untrusted:
    return Untrusted(text=truncate(word.text, MAX_SHORT)) if isinstance(word, Untrusted) else word


def _without_modules(story: Story) -> Story:
    def pieces(line: Line) -> Line:
        return tuple(piece for piece in line if not (isinstance(piece, Aside) and piece.is_module))

    return tuple(replace(block, lines=tuple(pieces(line) for line in block.lines)) for block in story)


def _without_asides(story: Story) -> Story:
    def pieces(line: Line) -> Line:
        return tuple(piece for piece in line if not isinstance(piece, Aside))

    return tuple(replace(block, lines=tuple(pieces(line) for line in block.lines)) for block in story)


def _with_fewer_items(story: Story) -> Story:
    """Return the story without the last eighth of its longest list, at least one item."""
    longest = max((block for block in story if block.heading), key=lambda block: len(block.lines))
    count = len(longest.lines) - max(1, len(longest.lines) // 8)
    shorter = replace(longest, lines=longest.lines[:count], more=longest.more + len(longest.lines) - count)
    return tuple(shorter if block is longest else block for block in story)


def _only_count(block: Block) -> Block:
    """Return a list's heading and its number of items."""
    return replace(block, lines=(), more=block.more + len(block.lines)) if block.heading else block
