"""Cron expressions: minute, hour, day of the month, month, day of the week. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[0-9]{1,2}))?")
_MAX_DAYS = 366 * 8 + 2  # between two 29ths of February may be eight years


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A parsed expression; if days of month and week are both given, either fits."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either: bool

    def fits(self, day: date) -> bool:
        """Return whether the expression has times on a day."""
        if day.month not in self.months:
            return False
        is_day, is_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return is_day or is_weekday if self.is_either else is_day and is_weekday


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron:
    """Return the parsed expression. Raises ValueError."""
    written = text.lower().split()
    if len(written) != len(_FIELDS):
        raise ValueError(f"{text} has {len(written)} fields; write five, such as '0 9 * * mon'")
    minutes, hours, days, months, weekdays = (_values(field, *of) for field, of in zip(written, _FIELDS, strict=True))
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        is_either=not written[2].startswith("*") and not written[4].startswith("*"),
    )
    if not any(cron.fits(date(2024, 1, 1) + timedelta(days=number)) for number in range(_MAX_DAYS)):
        raise ValueError(f"{text} never comes: no such day is in any year")
    return cron


def _values(field: str, name: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{field} is no {name} of a cron expression")
        step = int(match["step"] or 1)
        is_open = match["first"] == "*" or (match["step"] is not None and match["last"] is None)
        first = low if match["first"] == "*" else _number(match["first"], name, low, high)
        last = high if is_open else _number(match["last"], name, low, high) if match["last"] else first
        if step == 0 or first > last:
            raise ValueError(f"{part} is no {name} of a cron expression: it has no values")
        found.update(range(first, last + 1, step))
    return found


def _number(word: str, name: str, low: int, high: int) -> int:
    names = {"month": _MONTHS, "day of the week": _DAYS}.get(name, ())
    number = names.index(word) if word in names and word else int(word) if word.isascii() and word.isdigit() else -1
    if not low <= number <= high:
        raise ValueError(f"{word} is no {name}: it is from {low} to {high}")
    return number


def time_before(cron: Cron, timezone: str, at: datetime) -> datetime:
    """Return the last time of an expression up to a time, in UTC.

    A time that the clock leaves out comes as much later; one that comes twice counts once, the first time.
    """
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date() + timedelta(days=1)
    for number in range(_MAX_DAYS):
        day = today - timedelta(days=number)
        times = [time for time in _times_on(cron, zone, day) if time <= at] if cron.fits(day) else []
        if times:
            return max(times)
    raise ValueError("the expression has no time")  # parse_cron refuses such


def time_after(cron: Cron, timezone: str, at: datetime) -> datetime:
    """Return the first time of an expression after a time, in UTC."""
    zone = ZoneInfo(timezone)
    yesterday = at.astimezone(zone).date() - timedelta(days=1)
    for number in range(_MAX_DAYS):
        day = yesterday + timedelta(days=number)
        times = [time for time in _times_on(cron, zone, day) if time > at] if cron.fits(day) else []
        if times:
            return min(times)
    raise ValueError("the expression has no time")  # parse_cron refuses such


def _times_on(cron: Cron, zone: ZoneInfo, day: date) -> list[datetime]:
    return [
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
        for hour in cron.hours
        for minute in cron.minutes
    ]
