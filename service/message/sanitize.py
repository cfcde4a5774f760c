"""Clean outside text and URLs before people see them."""

import re
import unicodedata
from urllib.parse import quote, urlsplit

from service.text import MARK

JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and several scripts need them
MAX_URL_LENGTH = 500

# Terminal colors and window titles carry no words: CSI and OSC sequences of ECMA-48 are removed without a mark.
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def one_line(text: str | None, max_length: int = 200) -> str:
    """Return the text on one line of at most ``max_length`` characters.

    White space of any kind becomes a space; control characters, and the invisible ones that reverse the direction of
    writing, become a visible mark.
    """
    if text and len(text) <= max_length and _is_one_line(text):
        return text
    return truncate(replace_control_chars(" ".join(ANSI.sub("", text or "").split())), max_length)


def _is_one_line(text: str) -> bool:
    """Tell whether a text is on one line already, as nearly all are."""
    return text.isprintable() and "  " not in text and text[0] != " " != text[-1]


def replace_control_chars(text: str) -> str:
    """Return the text with a mark for each control character, line breaks included."""
    bare = ANSI.sub("", text)
    if bare.isprintable():  # true of nearly all text; to test each letter takes fifty times as long
        return bare
    return "".join(MARK if is_control_char(letter) else letter for letter in bare)


def truncate(text: str, max_length: int) -> str:
    """Return the text, or as much of it as fits with three dots at its end."""
    return text if len(text) <= max_length else text[: max_length - 3].rstrip() + "..."


def safe_url(url: str | None) -> str | None:
    """Return the URL if it is safe to follow: http or https, short, no credentials.

    Characters that a form could read as markup are percent-encoded, so only HTML has to escape the URL.
    """
    if not url or len(url) > MAX_URL_LENGTH or not is_web_url(url):
        return None
    return quote(url, safe="/:?#@!$&+,;=%~-._")


def is_web_url(url: str) -> bool:
    """Tell whether a URL is http or https, with a host and without credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", parts.netloc))


def is_control_char(letter: str) -> bool:
    """Tell whether a letter is a control: of the screen, direction or line breaks."""
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and letter not in JOINERS
