"""The three forms of a story, each with its own way to take outside words literally.

text      nothing is markup, so nothing is escaped; addresses stand at the end of their line
markdown  outside words stand in code spans, the only place where CommonMark and the chat services that resemble it
          read neither markup nor HTML nor ``@everyone`` nor bare addresses, and where no character has to change.
          Backslashes would be shown by some of them, and stop no mention
html      the five characters of markup become entities
"""

import re
from collections.abc import Iterable, Iterator
from html import escape

from service.message.story import Block, Line, Link, Said, plain

# Mail programs know no style sheets worth relying on, so each element brings its own.
STYLE = 'style="font-family:sans-serif;margin:0 0 8px"'


def text(blocks: Iterable[Block]) -> str:
    """The story as plain text."""
    return "\n\n".join("\n".join(_text_lines(block)) for block in blocks)


def markdown(blocks: Iterable[Block]) -> str:
    """The story as CommonMark, of which chat services understand most."""
    return "\n\n".join(_markdown_block(block) for block in blocks)


def html(blocks: Iterable[Block]) -> str:
    """The story as an HTML fragment, one element to a line."""
    return "\n".join(line for block in blocks for line in _html_lines(block))


def literal_markdown(words: str) -> str:
    """A code span that holds exactly these characters; its fence is longer than any run of backticks in them."""
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    pad = " " if words[:1] == "`" or words[-1:] == "`" else ""  # CommonMark takes one space off either end
    return f"{fence}{pad}{words}{pad}{fence}"


def literal_html(words: str) -> str:
    """The words with the characters of markup as entities."""
    return escape(words)


def _text_lines(block: Block) -> Iterator[str]:
    if block.heading:
        yield _text(block.heading)
    yield from (f"- {_text(line)}" if block.heading else _text(line) for line in block.lines)


def _text(line: Line) -> str:
    return " ".join([plain(line), *(piece.url for piece in line if isinstance(piece, Link))])


def _markdown_block(block: Block) -> str:
    if not block.heading:
        return "\n\n".join(_markdown(line) for line in block.lines)
    return "\n".join([f"**{_markdown(block.heading)}**", "", *(f"- {_markdown(line)}" for line in block.lines)])


def _markdown(line: Line) -> str:
    return "".join(_markdown_piece(piece) for piece in line)


def _markdown_piece(piece: str | Said | Link) -> str:
    match piece:
        case Said(text=words):
            return literal_markdown(words)
        case Link(words=words, url=url):
            return f"[{_markdown(words)}]({url})"
        case words:
            return words


def _html_lines(block: Block) -> Iterator[str]:
    if not block.heading:
        yield from (f"<p {STYLE}>{_html(line)}</p>" for line in block.lines)
        return
    yield f"<p {STYLE}><b>{_html(block.heading)}</b></p>"
    yield f"<ul {STYLE}>"
    yield from (f"<li>{_html(line)}</li>" for line in block.lines)
    yield "</ul>"


def _html(line: Line) -> str:
    return "".join(_html_piece(piece) for piece in line)


def _html_piece(piece: str | Said | Link) -> str:
    match piece:
        case Said(text=words):
            return literal_html(words)
        case Link(words=words, url=url):
            return f'<a href="{escape(url)}">{_html(words)}</a>'
        case words:
            return literal_html(words)
