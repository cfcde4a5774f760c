"""The wait that CircleCI asks for in the headers of its answers.

Source: CircleCI docs, "API developer's guide", on rate limits: a 429 usually brings ``Retry-After``; ``RateLimit-*``
and ``X-RateLimit-*-<Second|Minute|Hour|Day>`` count down in seconds, and of two families the lower applies. API v3 has
``RateLimit`` and ``RateLimit-Policy`` instead, in the form of an IETF draft whose exact syntax CircleCI does not say:
``"name";r=50;t=30`` for the remaining calls and the seconds until the reset, ``"name";q=100;w=60`` for the policy.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from service import retry_after

MAX_WAIT_S = 3600.0  # a wrong header must not silence us for longer
DEFAULT_WAIT_S = 10.0  # after a 429 without a header
SCARCE = 0.25  # of a limit: the rest is for what a message waits for
MAX_CHARACTERS = 1_000
NUMBER = re.compile(r"(?:^|[;\s])\s*([a-z]+)\s*=\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)(?=\s*(?:[;,]|$))")
COUNT = re.compile(r"[0-9]{1,12}")
RESET = re.compile(r"(x-)?ratelimit-reset(-\w+)?")


def wait_after(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how many seconds to make no call; None if calls may go on.

    Header names are in lower case.
    """
    used_up = min(resets(headers, exhausted=True), default=None)
    if status != 429:
        return used_up
    waits = (read_retry_after(headers.get("retry-after"), now), used_up, min(resets(headers), default=None))
    return next((wait for wait in waits if wait is not None), DEFAULT_WAIT_S)


def clock_offset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the time by which the sender's clock is ahead; None if it says no time."""
    at = retry_after.read_date(headers.get("date", ""))
    return None if at is None else at - now


def calls_per_s(headers: Mapping[str, str]) -> float | None:
    """Return the calls a second that the tightest limit leaves until its reset.

    None if no header says both numbers. A reset at once leaves what remains.
    """
    pairs: list[tuple[str | None, str | None]] = [
        (headers.get(name.replace("reset", "remaining")), value)
        for name, value in headers.items()
        if RESET.fullmatch(name)
    ]
    pairs += [
        (entry.get("r", entry.get("remaining")), entry.get("t", entry.get("reset")))
        for entry in _entries(headers.get("ratelimit"))
    ]
    known = [
        (remaining, retry_after.read_wait(reset)) for remaining, reset in pairs if COUNT.fullmatch(remaining or "")
    ]
    return min((float(left or 0) / max(1.0, wait) for left, wait in known if wait is not None), default=None)


def calls_left(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the calls that the tightest limit leaves, and the limit.

    None if no header says both. Names of headers are in lower case.
    """
    pairs = [
        tuple(headers.get(name.replace("reset", word), "") for word in ("remaining", "limit"))
        for name in headers
        if RESET.fullmatch(name)
    ]
    policies = _entries(headers.get("ratelimit-policy"))
    for index, entry in enumerate(_entries(headers.get("ratelimit"))):
        policy = next(iter(policies[index : index + 1]), {})
        pairs.append((entry.get("r", entry.get("remaining", "")), policy.get("q", "")))
    known = [(int(left), int(most)) for left, most in pairs if COUNT.fullmatch(left) and COUNT.fullmatch(most)]
    return min((pair for pair in known if pair[1]), key=lambda pair: pair[0] / pair[1], default=None)


def wait_while_scarce(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a limit is reset of which little is left.

    None if enough is left of every limit. Names of headers are in lower case.
    """
    waits = []
    for name, value in headers.items():
        if RESET.fullmatch(name):
            left, most = (headers.get(name.replace("reset", word), "") for word in ("remaining", "limit"))
            waits.append(_wait_if_scarce(left, most, value))
    policies = _entries(headers.get("ratelimit-policy"))
    for index, entry in enumerate(_entries(headers.get("ratelimit"))):
        policy = next(iter(policies[index : index + 1]), {})
        left = entry.get("r", entry.get("remaining", ""))
        waits.append(_wait_if_scarce(left, policy.get("q", ""), entry.get("t", policy.get("w", ""))))
    return max((wait for wait in waits if wait is not None), default=None)


def _wait_if_scarce(left: str, most: str, reset: str) -> float | None:
    if not COUNT.fullmatch(left) or not COUNT.fullmatch(most) or int(left) >= int(most) * SCARCE:
        return None
    return clamp_wait(retry_after.read_wait(reset))


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds of ``Retry-After``, which holds seconds or an HTTP date."""
    return clamp_wait(retry_after.read_retry_after(value, now))


def resets(headers: Mapping[str, str], *, exhausted: bool = False) -> Iterator[float]:
    """Yield the seconds until the reset of each limit.

    exhausted   only of limits with no call left
    """
    for name, value in headers.items():
        wait = clamp_wait(retry_after.read_wait(value)) if RESET.fullmatch(name) else None
        if wait is not None and (not exhausted or headers.get(name.replace("reset", "remaining")) == "0"):
            yield wait
    yield from _v3_resets(headers, exhausted=exhausted)


def _v3_resets(headers: Mapping[str, str], *, exhausted: bool) -> Iterator[float]:
    """Yield the same from API v3's headers; a limit without a reset takes its window."""
    windows = [entry.get("w") for entry in _entries(headers.get("ratelimit-policy"))]
    for index, entry in enumerate(_entries(headers.get("ratelimit"))):
        remaining = entry.get("r", entry.get("remaining"))
        seconds = entry.get("t", entry.get("reset")) or next(iter(windows[index : index + 1]), None)
        wait = clamp_wait(retry_after.read_wait(seconds))
        if wait is not None and (not exhausted or (remaining is not None and float(remaining) == 0)):
            yield wait


def _entries(value: str | None) -> list[dict[str, str]]:
    """Return the numbers of each limit in a header.

    Two for ``"a";r=0;t=30, "b";r=5``; one for an older form without semicolons.
    """
    text = (value or "")[:MAX_CHARACTERS]
    items = text.split(",") if ";" in text else [text.replace(",", ";")]
    return [dict(NUMBER.findall(item)) for item in items]


def clamp_wait(seconds: float | None) -> float | None:
    """Return the wait, an hour at most."""
    return None if seconds is None else min(seconds, MAX_WAIT_S)
