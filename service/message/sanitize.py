"""Clean outside text and URLs before people see them."""

import re
from urllib.parse import quote, urlsplit

from service.text import ANSI, cut_off, replace_control_chars

MAX_URL_LENGTH = 500
HOST = r"[A-Za-z0-9.-]+(:[0-9]+)?"
USUAL_URL = re.compile(f"https?://{HOST}(/[!-~]*)?")


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


def truncate(text: str, max_length: int) -> str:
    """Return the text, or as much of it as fits with three dots at its end."""
    return text if len(text) <= max_length else cut_off(text, max_length - 3).rstrip() + "..."


def safe_url(url: str | None) -> str | None:
    """Return the URL if it is safe to follow: http or https, short, no credentials.

    Characters that a form could read as markup are percent-encoded, so only HTML has to escape the URL.
    """
    if not url or len(url) > MAX_URL_LENGTH or not is_web_url(url):
        return None
    return quote(url, safe="/:?#@!$&+,;=%~-._")


def is_web_url(url: str) -> bool:
    """Tell whether a URL is http or https, with a host and without credentials."""
    if USUAL_URL.fullmatch(url):  # to take an address apart takes ten times as long, and nearly all are like this
        return True
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no IPv6 address
        return False
    return parts.scheme in {"http", "https"} and bool(re.fullmatch(HOST, parts.netloc))
