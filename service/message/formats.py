"""The three forms of a story; each shows untrusted text literally.

text      nothing is markup, so nothing is escaped; addresses stand at the end of their line
markdown  untrusted text stands in code spans: the only place where CommonMark and the chat services that resemble it
          read neither markup nor HTML nor ``@everyone`` nor bare addresses, and where no character has to change.
          Some of these services show backslashes, and backslashes stop no mention
html      the five characters of markup become entities

With a guard, a function of ``markup_guard``, untrusted text is also broken: for services whose markup is not known, or
that act on text in any form.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from html import escape

from service.message.blocks import Aside, Block, Line, Link, Untrusted, plain_text
from service.message.markup_guard import guard_links, guard_markup

# Mail programs do not support style sheets reliably, so each element has its own style.
STYLE = 'style="font-family:sans-serif;margin:0 0 8px"'


Guard = Callable[[str], str]


class Form(StrEnum):
    """The form of a message; the values are those of Apprise."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


def render(blocks: Iterable[Block], form: Form, guard: Guard | None = None) -> str:
    """Return the story in a form; with a guard, its untrusted text is broken."""
    renderer = {Form.MARKDOWN: markdown, Form.HTML: html}.get(form, text)
    return renderer(_with_more(_guard_blocks(blocks, form, guard) if guard else blocks))


def heading(title: str, form: Form, guard: Guard | None = None) -> str:
    """Return a title as the first lines above a story."""
    safe = _guard_in(form, guard)(title) if guard else title
    if form is Form.HTML:
        return f"<p><b>{literal_html(safe)}</b></p>\n"
    if form is Form.MARKDOWN:
        return f"**{safe if guard is guard_markup else literal_markdown(safe)}**\n\n"
    return f"{safe}\n"


def _guard_in(form: Form, guard: Guard) -> Guard:
    """Return the guard for a form; in HTML only names and addresses act."""
    return guard_links if guard is guard_markup and form is Form.HTML else guard


def _guard_blocks(blocks: Iterable[Block], form: Form, guard: Guard) -> Iterator[Block]:
    """Yield the blocks with guarded text.

    Behind ``guard_markup`` in Markdown it becomes a plain string, which gets no code span.
    """
    for block in blocks:
        lines = (tuple(_guard_piece(piece, form, guard) for piece in line) for line in block.lines)
        yield replace(block, lines=tuple(lines))


def _guard_piece(piece: str | Untrusted | Link | Aside, form: Form, guard: Guard) -> str | Untrusted | Link | Aside:
    match piece:
        case Link(words=words, url=url):
            return Link(words=tuple(_guard_word(word, form, guard) for word in words), url=url.replace("@", "%40"))
        case Aside(words=words):
            return replace(piece, words=tuple(_guard_word(word, form, guard) for word in words))
        case word:
            return _guard_word(word, form, guard)


def _guard_word(word: str | Untrusted, form: Form, guard: Guard) -> str | Untrusted:
    if not isinstance(word, Untrusted):
        return word
    safe = _guard_in(form, guard)(word.text)
    return safe if guard is guard_markup and form is Form.MARKDOWN else Untrusted(text=safe)


def _with_more(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks, each with a last line that counts the items left out."""
    for block in blocks:
        rest: tuple[Line, ...] = ((block.rest,),) if block.rest else ()
        yield replace(block, lines=(*block.lines, *rest), more=0)


def text(blocks: Iterable[Block]) -> str:
    """Return the story as plain text, with URLs at the end of their lines."""
    return "\n\n".join("\n".join(_text_lines(block)) for block in blocks)


def markdown(blocks: Iterable[Block]) -> str:
    """Return the story as CommonMark, most of which chat services understand."""
    return "\n\n".join(_markdown_block(block) for block in blocks)


def html(blocks: Iterable[Block]) -> str:
    """Return the story as an HTML fragment, one element per line."""
    return "\n".join(line for block in blocks for line in _html_lines(block))


def literal_markdown(words: str) -> str:
    """Return a code span that holds exactly these characters.

    Its fence is longer than any run of backticks in them.
    """
    fence = "`" * (max(map(len, re.findall("`+", words)), default=0) + 1)
    pad = " " if words[:1] == "`" or words[-1:] == "`" else ""  # CommonMark strips one space from each end
    return f"{fence}{pad}{words}{pad}{fence}"


def literal_html(words: str) -> str:
    """Return the words with the characters of markup as entities."""
    return escape(words)


def _text_lines(block: Block) -> Iterator[str]:
    if block.heading:
        yield _text(block.heading)
    yield from (f"- {_text(line)}" if block.heading else _text(line) for line in block.lines)


def _text(line: Line) -> str:
    return " ".join([plain_text(line), *(piece.url for piece in line if isinstance(piece, Link))])


def _markdown_block(block: Block) -> str:
    if not block.heading:
        return "\n\n".join(_markdown(line) for line in block.lines)
    return "\n".join([f"**{_markdown(block.heading)}**", "", *(f"- {_markdown(line)}" for line in block.lines)])


def _markdown(line: Line) -> str:
    return "".join(_markdown_piece(piece) for piece in line)


def _markdown_piece(piece: str | Untrusted | Link | Aside) -> str:
    match piece:
        case Untrusted(text=words):
            return literal_markdown(words)
        case Link(words=words, url=url):
            return f"[{_markdown(words)}]({url})"
        case Aside(words=words):
            return _markdown(words)
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


def _html_piece(piece: str | Untrusted | Link | Aside) -> str:
    match piece:
        case Untrusted(text=words):
            return literal_html(words)
        case Link(words=words, url=url):
            return f'<a href="{escape(url)}">{_html(words)}</a>'
        case Aside(words=words):
            return _html(words)
        case words:
            return literal_html(words)
