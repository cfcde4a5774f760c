"""Redaction of the secrets of channels' URLs in answers."""

import base64
import binascii
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote_plus

MIN_SECRET = 4  # characters; shorter parts are common words of sentences
MIN_SECRET_OF_OTHER_CHANNELS = 12  # their shorter parts, such as a room's name, are words of our sentences too
MAX_TEXT_LENGTH = 4_000  # characters of an answer
MAX_SECRET = 500  # characters; the limit above could cut a longer one, and half of it would be shown
MASK = "***"

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")


def redact(words: str, url: str, others: frozenset[str] = frozenset()) -> str:
    """Return the words on one line, without parts of the URLs that may be secret.

    others   URLs of other channels
    Encoded parts are redacted too. A text that is too long loses its end, which may be the beginning of a secret.
    """
    parts = sorted({*secrets(url), *_secrets_of_other_channels(others)}, key=len, reverse=True)
    line = " ".join(words.split())
    is_long, line = len(line) > MAX_TEXT_LENGTH, line[:MAX_TEXT_LENGTH]
    line = _BASE64.sub(lambda found: MASK if _encodes_any(found[0], parts) else found[0], line)
    for part in parts:
        line = _masked(line, part)
    return line[:-MAX_SECRET] if is_long else line


def secrets(url: str) -> set[str]:
    """Return the parts of a URL that may be secret, plain and encoded, in lower case.

    The scheme is not one of them.
    """
    address = url.partition("://")[2] or url
    parts = set(re.split(r"[/:&=?,@#]+", address))
    parts |= {unquote_plus(part) for part in parts}
    parts |= {quote(part, safe="") for part in parts}
    return {part.lower() for part in parts if len(part) >= MIN_SECRET}


@lru_cache(maxsize=4)
def _secrets_of_other_channels(urls: frozenset[str]) -> frozenset[str]:
    return frozenset(part for url in urls for part in secrets(url) if len(part) >= MIN_SECRET_OF_OTHER_CHANNELS)


def _masked(line: str, part: str) -> str:
    at = line.lower().find(part)
    while at >= 0:
        line = f"{line[:at]}{MASK}{line[at + len(part) :]}"
        at = line.lower().find(part, at + len(MASK))
    return line


def _encodes_any(encoded: str, parts: Iterable[str]) -> bool:
    """Tell whether a word is base64 of a text that contains one of the parts."""
    bare = encoded.rstrip("=")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_" if re.search("[-_]", bare) else None)
    except (binascii.Error, ValueError):
        return False
    text = decoded.decode("utf-8", "replace").lower()
    return any(part in text for part in parts)
