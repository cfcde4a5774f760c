"""Comparisons of amounts in a match, such as ``>= 3`` or ``> 20m``. Pure."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache

_COMPARISON = re.compile(r"(?P<sign>>=|<=|>|<|=)?\s*(?P<number>\d{1,9}(?:\.\d{1,6})?)\s*(?P<unit>[a-z]*)")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
COUNT = {"": 1.0}
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
TIMES = {"x": 1.0}
COMPARED = (*COUNT, *SECONDS, *TIMES)
"""All units: what was checked when it was read may be in any of its key's."""


@cache
def compile_comparison(written: str, units: tuple[str, ...]) -> Callable[[float], bool]:
    """Return the test that a comparison writes; a number alone is the amount itself.

    units   those that it may be in: ``s m h`` for a time, ``x`` for a ratio, an empty text for a count

    Raises ValueError with the next step.
    """
    found = _COMPARISON.fullmatch(written.strip())
    known = COUNT | SECONDS | TIMES
    if found is None or found["unit"] not in units:
        example = {"": ">= 3", "x": "> 1.5x"}.get(units[0], "> 20m")
        raise ValueError(f"{written} is no comparison; write it like {example!r}")
    compare, amount = _SIGNS[found["sign"] or "="], float(found["number"]) * known[found["unit"]]
    return lambda value: compare(value, amount)
