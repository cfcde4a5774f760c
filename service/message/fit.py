"""Cut a message to what a channel can take, without cutting its markup or its links."""

from enum import StrEnum

from service.message.clean import shortened
from service.message.forms import literal_html, literal_markdown
from service.model import Message


class Form(StrEnum):
    """The forms a message has; the words are Apprise's too."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


def fit(message: Message, form: Form, *, longest: int, titled: bool) -> str:
    """The message as one body of at most ``longest`` characters.

    titled    put the title on top, for channels that have no place of their own for it
    """
    body = {Form.TEXT: message.text, Form.MARKDOWN: message.markdown, Form.HTML: message.html}[form]
    if titled:
        body = f"{_heading(message.title, form)}{body}"
    return cut(body, longest) or shortened(message.title, longest)


def cut(body: str, longest: int) -> str:
    """The body, or its first lines and its last with three dots between them; empty if not even these fit.

    Every line is whole in itself in all forms, so nothing is left open. The last line is worth keeping: it leads to
    our page about the event.
    """
    if len(body) <= longest:
        return body
    lines = body.splitlines()
    first, end = lines[:-1], f"\n...\n\n{lines[-1]}"
    while first and len("\n".join([*first, end])) > longest:
        first.pop()
    return "\n".join([*first, end]) if first else ""


def _heading(title: str, form: Form) -> str:
    if form is Form.HTML:
        return f"<p><b>{literal_html(title)}</b></p>\n"
    if form is Form.MARKDOWN:
        return f"**{literal_markdown(title)}**\n\n"
    return f"{title}\n"
