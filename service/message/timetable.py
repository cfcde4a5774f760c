"""The times of a schedule in words, in UTC and in a zone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.model.schedules import DAYS, MONTHS, Timetable

WORKDAYS = DAYS[:5]


def timetable_words(times: Timetable, timezone: str, now: datetime) -> str:
    """Return the times in UTC, and in another zone as its clock is now.

    A schedule of UTC moves by an hour where the zone's clock does.
    """
    hours = ", ".join(f"{hour:02}:00" for hour in times.hours)
    words = f"{_days(times)} {hours} UTC"
    if times.per_hour > 1:
        words += f", {times.per_hour} times an hour"
    if times.months:
        words += f", in {_names(times.months, MONTHS)}"
    if timezone == "UTC":
        return words
    offset = now.astimezone(ZoneInfo(timezone)).utcoffset() or timedelta()
    return f"{words} (now {', '.join(_moved(hour, offset) for hour in times.hours)} {timezone})"


def _moved(hour: int, offset: timedelta) -> str:
    minutes = hour * 60 + int(offset.total_seconds() // 60)
    day = {-1: " the day before", 1: " the day after"}.get(minutes // (24 * 60), "")
    return f"{minutes % (24 * 60) // 60:02}:{minutes % 60:02}{day}"


def _days(times: Timetable) -> str:
    if times.month_days:
        return f"day {', '.join(map(str, times.month_days))}"
    if times.days == DAYS:
        return "daily"
    return "mon-fri" if times.days == WORKDAYS else _names(times.days, DAYS)


def _names(names: Sequence[str], order: Sequence[str]) -> str:
    return ", ".join(name.lower() for name in order if name in names)
