"""Durations in roundsman.yaml, such as ``20s``, ``1h30m`` or ``1 h 30 min``."""

import re
from collections.abc import Callable

from service.text import shorten_units

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,7})s)?")


def seconds_between(least: str, most: str) -> Callable[[object], int]:
    """Return a function that reads a duration within limits, in seconds."""
    lowest, highest = _seconds(least), _seconds(most)

    def read(written: object) -> int:
        found = _seconds(written)
        if found is None:
            raise ValueError("is not a duration; write it as 20s, 30m, 4h, 1h30m or 14d")
        if lowest is not None and highest is not None and not lowest <= found <= highest:
            raise ValueError(f"must be between {least} and {most}")
        return found

    return read


def _seconds(written: object) -> int | None:
    if written == 0 and not isinstance(written, bool):
        return 0
    text = shorten_units(written).replace(" ", "") if isinstance(written, str) else ""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        return 0 if text == "0" else None
    return sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True))
