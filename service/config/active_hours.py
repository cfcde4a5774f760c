"""The hours in which a route tells people, under ``active:`` of a route."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from service.config.shapes import Shape, suggest
from service.model import ActiveHours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])")
_LAST_MINUTE = 24 * 60


def _days(written: object) -> tuple[int, ...]:
    """Return the days of ``mon-fri`` or ``[mon, wed-fri]``. Raises ValueError."""
    parts = written.split(",") if isinstance(written, str) else written
    if not isinstance(parts, list) or not parts:
        raise ValueError("must be days, such as mon-fri or [mon, wed]")
    return tuple(sorted({day for part in parts for day in _range(str(part).strip().lower())}))


def _range(part: str) -> list[int]:
    first, dash, last = (word.strip() for word in part.partition("-"))
    for day in (first, last) if dash else (first,):
        if day not in DAYS:
            raise ValueError(f"{day or part} is not a day; {suggest(day, DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [number % 7 for number in range(begin, end + 1 if end >= begin else end + 8)]


def _spans(written: object) -> tuple[tuple[int, int], ...]:
    """Return the minutes of ``08:00-18:00``, or of a list of such. Raises ValueError."""
    parts = [written] if isinstance(written, str) else written
    if not isinstance(parts, list) or not parts:
        raise ValueError("must be hours in quotes, such as '08:00-18:00'")
    return tuple(sorted(_span(str(part).replace(" ", "")) for part in parts))


def _span(part: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(part)
    if found is None:
        raise ValueError(f"{part} is not hours; write them in quotes as '08:00-18:00', or over midnight '22:00-06:00'")
    first_hour, first_minute, last_hour, last_minute = map(int, found.groups())
    begin, end = first_hour * 60 + first_minute, last_hour * 60 + last_minute
    if max(begin, end) > _LAST_MINUTE or begin == _LAST_MINUTE:
        raise ValueError(f"{part} is not hours: a day ends at 24:00")
    if begin == end:
        raise ValueError(f"{part} is no time at all; for whole days leave hours out")
    return begin, end


def timezone_name(name: str) -> str:
    """Return the name of a time zone unchanged. Raises ValueError for an unknown one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name} is not a time zone; write one such as Europe/Oslo, or UTC") from None
    return name


class ActiveShape(Shape):
    """The hours in which a route tells people; at all others it is quiet."""

    days: Annotated[tuple[int, ...], BeforeValidator(_days)] = ActiveHours.days
    hours: Annotated[tuple[tuple[int, int], ...], BeforeValidator(_spans)] = ActiveHours.spans
    timezone: Annotated[str, Field(min_length=1), AfterValidator(timezone_name)] = ActiveHours.timezone


def to_active_hours(shape: ActiveShape | None) -> ActiveHours | None:
    """Return the active hours of a route; None without any."""
    return ActiveHours(days=shape.days, spans=shape.hours, timezone=shape.timezone) if shape else None
