"""Retry-After: the wait that a server asks for (RFC 9110, 10.2.3).

The header holds seconds or a date. It is untrusted: a value that cannot be read is ignored, none raises an error, and
no wait is longer than ``MAX_WAIT_S``.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_S = 86_400.0
_MAX_CHARACTERS = 64  # a date takes 29, with a long offset a few more
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait from ``now`` on, between 0 and ``MAX_WAIT_S``.

    None when the value is neither seconds nor a date.
    """
    seconds = read_wait(value)
    if seconds is not None or value is None:
        return seconds
    moment = read_date(value)
    return None if moment is None else _bounded((moment - now).total_seconds())


def read_wait(value: str | None) -> float | None:
    """Return the seconds that a header holds, between 0 and ``MAX_WAIT_S``.

    None when the value is not a number of seconds.
    """
    text = (value or "").strip()
    if not _SECONDS.fullmatch(text):
        return None
    whole, _, _ = text.partition(".")
    return (
        _bounded(float(text)) if len(whole) <= _MAX_CHARACTERS else MAX_WAIT_S
    )  # more digits may overflow to infinity


def read_date(value: str) -> datetime | None:
    """Return the time that a header holds; None if it holds none."""
    text = value.strip()
    if not text.isascii() or len(text) > _MAX_CHARACTERS:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a year or an offset of too many digits
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)  # ``-0000`` and asctime's form name no zone: HTTP means UTC


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_WAIT_S)
