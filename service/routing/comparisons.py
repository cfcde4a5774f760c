"""Comparisons of amounts in a match, such as ``>= 3`` or ``> 20m``. Pure."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache

from service.text import shorten_units

_COMPARISON = re.compile(r"(?P<sign>>=|<=|>|<|=)?\s*(?P<amount>.*)", re.DOTALL)
_PART = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(?P<unit>[a-z]*)\s*")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
COUNT = {"": 1.0}
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
TIMES = {"x": 1.0}
COMPARED = (*COUNT, *SECONDS, *TIMES)
"""All units: what was checked when it was read may be in any of its key's."""
_UNITS = COUNT | SECONDS | TIMES


@cache
def compile_comparison(written: str, units: tuple[str, ...]) -> Callable[[float], bool]:
    """Return the test that a comparison writes.

    units   those that it may be in: ``s m h d`` for a time, ``x`` for a ratio, an empty text for a count. A count alone
            is the amount itself; a time or a ratio needs a sign, since none is met exactly

    Raises ValueError with the next step.
    """
    sign, limit = split_comparison(written, units)
    compare = _SIGNS[sign]
    return lambda value: compare(value, limit)


@cache
def fits_at_most(written: str, units: tuple[str, ...]) -> Callable[[float], bool]:
    """Return the test whether any amount up to a limit meets a comparison.

    Of an amount of which no more is known, this is certain.
    """
    sign, _ = split_comparison(written, units)
    compare = compile_comparison(written, units)
    return lambda limit: sign in {"<", "<="} and compare(limit)


@cache
def may_be_at_most(written: str, units: tuple[str, ...]) -> Callable[[float], bool]:
    """Return the test whether some amount up to a limit may meet a comparison."""
    sign, _ = split_comparison(written, units)
    compare = compile_comparison(written, units)
    return lambda limit: sign in {"<", "<="} or compare(limit)


def split_comparison(written: str, units: tuple[str, ...]) -> tuple[str, float]:
    """Return the sign and the amount of a comparison; raise ValueError as above."""
    found = _COMPARISON.fullmatch(written.strip())
    limit = parse_amount(found["amount"], units) if found else None
    if found is None or limit is None or (found["sign"] in {None, "="} and "" not in units):
        example = {"": ">= 3", "x": "> 1.5x"}.get(units[0], "> 20m")
        raise ValueError(f"{written} is no comparison; write it like {example!r}")
    return found["sign"] or "=", limit


def parse_amount(written: str, units: tuple[str, ...]) -> float | None:
    """Return an amount, a time such as ``1 h 30 min`` in seconds; None if it is none."""
    amount = shorten_units(written.strip())
    parts = list(_PART.finditer(amount))
    known = [part["unit"] for part in parts]
    is_whole = "".join(part[0] for part in parts) == amount
    if not parts or not is_whole or not set(known) <= set(units) or len(set(known)) < len(known):
        return None
    if len(parts) > 1 and not set(known) <= SECONDS.keys():
        return None
    return sum(float(part["number"]) * _UNITS[part["unit"]] for part in parts)
