"""Hooks of schemathesis: texts of our own formats, and an address for each request."""

import itertools
import re
from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import strategies as st

NUMBERS = itertools.count(1)
FILTER = re.compile("[A-Za-z_]:")
FORMATS: Mapping[str, tuple[str, ...]] = {
    "cursor": ("",),  # only those that an answer held are valid
    "search-begin": ("7d", "1h30m", "yesterday", "2026-01-01", "2026-03-02T09:30:00Z", "1970-01-01", ""),
    "search-end": ("now", "5s", "2099-12-31", ""),
    "later-time": ("1h", "1d12h", "30d", "90d", ""),
    "silence-end": ("1s", "2h", "1d12h", "30d"),
    "streak-comparison": (">= 3", "3"),
    "duration-comparison": ("> 20m", "<= 1h30m"),
    "queue-comparison": ("> 5m",),
    "slower-comparison": ("> 1.5x",),
}
"""Examples of each kind of text that docs/http.md describes and no pattern can."""

for name, examples in FORMATS.items():
    schemathesis.openapi.format(name, st.sampled_from(examples))


def filter_query(_context: Any, query: Mapping[str, Any] | None) -> bool:
    """Leave out lists of lists and objects, of which nothing is sent, and searches by what is no filter."""
    if FILTER.search(str((query or {}).get("q", ""))):
        return False
    lists = (value for value in (query or {}).values() if isinstance(value, list))
    return not any(isinstance(one, list | dict) for some in lists for one in some)


def filter_body(_context: Any, body: Any) -> bool:
    """Leave out views that search by what is no filter."""
    return not (isinstance(body, dict) and FILTER.search(str(body.get("query", ""))))


def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Come from another address each time: after ten wrong credentials one is refused with 429."""
    number = next(NUMBERS)
    case.headers = {
        **(case.headers or {}),
        "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    }


for hook in (filter_query, filter_body, before_call):
    schemathesis.hook(hook)
