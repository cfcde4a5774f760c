"""Plain text beside HTML: our own, for plugins that would make it of our HTML and lose every address in it.

They do so through Apprise's own conversion: those that send mail by an API, and Matrix for programs that show no HTML.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import apprise
from apprise.conversion.format import CONVERTERS
from apprise.plugins.matrix import base as matrix

_current_texts: ContextVar[tuple[str, str] | None] = ContextVar("present", default=None)


@contextmanager
def plain_text_for(html: str, text: str) -> Iterator[None]:
    """Have this text taken wherever text is made of this HTML, in this thread."""
    token = _current_texts.set((html, text))
    try:
        yield
    finally:
        _current_texts.reset(token)


def replace_html_to_text() -> None:
    """Take up the places where Apprise makes text of HTML; once, for the process."""
    converters: Any = CONVERTERS
    html_to_text = converters[apprise.NotifyFormat.HTML, apprise.NotifyFormat.TEXT]

    def convert(content: str) -> str:
        texts = _current_texts.get()
        return texts[1] if texts and content.strip() == texts[0].strip() else str(html_to_text(content))

    converters[apprise.NotifyFormat.HTML, apprise.NotifyFormat.TEXT] = convert
    places: Any = matrix
    places.html_to_text = convert
