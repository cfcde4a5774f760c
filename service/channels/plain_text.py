"""Our own plain text for plugins that would convert it from our HTML.

Apprise's conversion loses every URL. It is used by plugins that send mail by an API, and by Matrix for programs that
show no HTML.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import apprise
from apprise.conversion.format import CONVERTERS
from apprise.plugins.matrix import base as matrix

_current_texts: ContextVar[tuple[str, str] | None] = ContextVar("current_texts", default=None)


@contextmanager
def plain_text_for(html: str, text: str) -> Iterator[None]:
    """Let conversions of this HTML in this thread return this text."""
    token = _current_texts.set((html, text))
    try:
        yield
    finally:
        _current_texts.reset(token)


def replace_html_to_text() -> None:
    """Replace Apprise's conversion of HTML to text in the process; call it once."""
    converters: Any = CONVERTERS
    html_to_text = converters[apprise.NotifyFormat.HTML, apprise.NotifyFormat.TEXT]

    def convert(content: str) -> str:
        texts = _current_texts.get()
        return texts[1] if texts and content.strip() == texts[0].strip() else str(html_to_text(content))

    converters[apprise.NotifyFormat.HTML, apprise.NotifyFormat.TEXT] = convert
    places: Any = matrix
    places.html_to_text = convert
