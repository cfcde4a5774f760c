"""Text from outside: cleaning and decoding, the same at every input.

Postgres refuses NUL and UTF-8 has no lone surrogates: either of them in a payload, a query, a form, a file, a command's
arguments or an answer would fail much later, when a page is encoded or a row is written. Both become U+FFFD at every
input, so that a search for such a text finds the stored form of it.
"""

import codecs
import re
from collections.abc import Iterator

MARK = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CHUNK_BYTES = 65_536  # decoded at a time: between two chunks other threads may run

DEFINITION_DIGITS = 8
NO_DIGITS = re.compile("[^0-9A-Za-z-]")


def clean(text: str) -> str:
    """Return the text with U+FFFD in place of NUL and of lone surrogates."""
    if text.isascii():  # a cheap check that holds for nearly every text
        return text.replace("\x00", MARK) if "\x00" in text else text
    return UNSTORABLE.sub(MARK, text)


def humanize(value: str) -> str:
    """Return a snake_case value with blanks: ``put_off`` becomes put off."""
    return value.replace("_", " ")


def decode(body: bytes, limit: int | None = None) -> str:
    """Return bytes as text, with escapes for bytes that are not UTF-8.

    limit   bytes to decode, from the start; None for all of them
    """
    part = body if limit is None else body[:limit]
    return "".join(_decoded(part, is_whole=len(part) == len(body)))


def _decoded(part: bytes, *, is_whole: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    for start in range(0, len(part), CHUNK_BYTES):
        yield decoder.decode(part[start : start + CHUNK_BYTES])
    yield decoder.decode(b"", final=is_whole)  # a character that the limit cuts in two is left out


def percent(share: float) -> str:
    """Return a share as ``12 %``; ``0 %`` only for none, and ``100 %`` only for all."""
    return f"{min(max(round(share * 100), 1 if share else 0), 100 if share >= 1 else 99)} %"


def definition_digits(definition: str) -> str:
    """Return the first digits of a pipeline definition's id, which tell two apart.

    CircleCI's are UUIDs; of what is none, letters and digits are left.
    """
    return NO_DIGITS.sub("", definition)[:DEFINITION_DIGITS]
