"""What outside text and addresses must lose before people see them."""

import re
import unicodedata
from urllib.parse import quote, urlsplit

from service.text import MARK

JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and several scripts need them
MAX_URL_LENGTH = 500

# Colours and window titles carry no words: CSI and OSC sequences of ECMA-48 leave no mark.
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def one_line(text: str | None, max_length: int = 200) -> str:
    """The text on one line of at most ``longest`` characters, with nothing in it that acts on a screen.

    White space of any kind becomes a space; control characters, and the invisible ones that reverse the direction of
    writing, become a visible mark.
    """
    return truncate(replace_control_chars(" ".join(ANSI.sub("", text or "").split())), max_length)


def replace_control_chars(text: str) -> str:
    """The text with a mark in place of whatever acts on a screen, line breaks included."""
    bare = ANSI.sub("", text)
    if bare.isprintable():  # nearly all is, and to look at each letter takes fifty times as long
        return bare
    return "".join(MARK if is_control_char(letter) else letter for letter in bare)


def truncate(text: str, max_length: int) -> str:
    """The text, or as much of it as fits with three dots at its end."""
    return text if len(text) <= max_length else text[: max_length - 3].rstrip() + "..."


def safe_url(url: str | None) -> str | None:
    """The address if a browser may follow it: http or https, nobody's password in it, not endless.

    What a form could take for markup is percent-encoded, so that the address needs no escaping in any form but HTML.
    """
    if not url or len(url) > MAX_URL_LENGTH or not is_web_url(url):
        return None
    return quote(url, safe="/:?#@!$&+,;=%~-._")


def is_web_url(url: str) -> bool:
    """Whether a browser may be sent there: http or https, a host, and nobody's name or password before it."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]+)?", parts.netloc))


def is_control_char(letter: str) -> bool:
    """Tell whether a letter acts on a screen instead of standing on it: controls, directions, breaks of lines."""
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and letter not in JOINERS
