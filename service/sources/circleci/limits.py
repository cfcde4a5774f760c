"""How long CircleCI asks us to wait, read from the headers of its answers.

Source: CircleCI docs, "API developer's guide", on rate limits: a 429 usually brings ``Retry-After``; ``RateLimit-*``
and ``X-RateLimit-*-<Second|Minute|Hour|Day>`` count down in seconds, and of two families the lower applies.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from service import retry_after

LONGEST_WAIT_S = 3600.0  # a wrong header must not silence us for longer
UNSAID_WAIT_S = 10.0
RESET = re.compile(r"(x-)?ratelimit-reset(-\w+)?")


def wait_after(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds to ask nothing more; None when we may go on. Header names are in lower case."""
    used_up = min(resets(headers, exhausted=True), default=None)
    if status != 429:
        return used_up
    said = (read_retry_after(headers.get("retry-after"), now), used_up, min(resets(headers), default=None))
    return next((wait for wait in said if wait is not None), UNSAID_WAIT_S)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from ``Retry-After``, which holds seconds or an HTTP date."""
    return believable(retry_after.read_retry_after(value, now))


def resets(headers: Mapping[str, str], *, exhausted: bool = False) -> Iterator[float]:
    """The seconds until each limit starts afresh; with ``exhausted`` only of those with nothing left."""
    for name, value in headers.items():
        wait = believable(retry_after.read_wait(value)) if RESET.fullmatch(name) else None
        if wait is not None and (not exhausted or headers.get(name.replace("reset", "remaining")) == "0"):
            yield wait


def believable(seconds: float | None) -> float | None:
    """The wait, between nothing and an hour."""
    return None if seconds is None else min(seconds, LONGEST_WAIT_S)
