"""Secrets of a channel's URL, taken out of what the other side says."""

import base64
import binascii
import re
from urllib.parse import quote, unquote_plus

MIN_SECRET = 4  # characters; shorter parts are words of every sentence
STARS = "***"

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")


def hidden(words: str, url: str) -> str:
    """Return the words without any part of the URL that is long enough to be a secret, encoded or not.

    The scheme is none.
    """
    parts = secrets(url)
    words = _BASE64.sub(lambda found: STARS if _holds(found[0], parts) else found[0], words)
    for part in sorted(parts, key=len, reverse=True):
        words = re.sub(re.escape(part), STARS, words, flags=re.IGNORECASE)
    return words


def secrets(url: str) -> set[str]:
    """Return the parts of a URL that may be secret, in each way of writing them."""
    address = url.partition("://")[2] or url
    parts = set(re.split(r"[/:&=?,@#]+", address))
    parts |= {unquote_plus(part) for part in parts}
    parts |= {quote(part, safe="") for part in parts}
    return {part for part in parts if len(part) >= MIN_SECRET}


def _holds(encoded: str, parts: set[str]) -> bool:
    try:
        plain = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), altchars=b"-_")
        plain += base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return False
    text = plain.decode("utf-8", "replace").lower()
    return any(part.lower() in text for part in parts)
