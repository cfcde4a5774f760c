"""Outside text, cleaned in one way at every edge where it comes in.

Postgres refuses NUL and UTF-8 has no lone surrogates: either in a payload, a query, a form, a file, a command's words
or an answer would fail much later, where a page is encoded or a row is written. Both become U+FFFD, everywhere alike,
so that a search for such a text finds what was stored of it.
"""

import codecs
import re
from collections.abc import Iterator

MARK = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CHUNK_BYTES = 65_536  # decoded at once: between two pieces other threads have their turn


def clean(text: str) -> str:
    """Return the text with U+FFFD for each character that no database can store or no encoding can carry."""
    if text.isascii():  # nearly all is, and this look costs next to nothing
        return text.replace("\x00", MARK) if "\x00" in text else text
    return UNSTORABLE.sub(MARK, text)


def humanize(value: str) -> str:
    """Return a value that machines read as people read it: ``put_off`` is put off."""
    return value.replace("_", " ")


def decode(body: bytes, limit: int | None = None) -> str:
    """Return bytes as text, what is not UTF-8 as escapes; of the first ``limit`` bytes alone, if one is given."""
    part = body if limit is None else body[:limit]
    return "".join(_decoded(part, is_whole=len(part) == len(body)))


def _decoded(part: bytes, *, is_whole: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    for start in range(0, len(part), CHUNK_BYTES):
        yield decoder.decode(part[start : start + CHUNK_BYTES])
    yield decoder.decode(b"", final=is_whole)  # a character that was cut in two is left out
