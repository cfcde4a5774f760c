"""The hours in which a route tells people. Pure; times of the clock on the wall.

A time is active if the clock shows one of the active hours, so an hour that comes twice when the clock goes back is
active twice, and one that the clock leaves out is not waited for.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.model import ActiveHours

_DAY = timedelta(days=1)
_MAX_WAIT_DAYS = 16  # two weeks: a clock that is put forward may leave out the only hours of one


def is_active(hours: ActiveHours, at: datetime) -> bool:
    """Return whether a time is in the active hours.

    Hours over midnight are of the day on which they begin.
    """
    local = at.astimezone(ZoneInfo(hours.timezone))
    minute = local.hour * 60 + local.minute
    is_of_today, is_of_yesterday = ((local.date() - before).weekday() in hours.days for before in (timedelta(), _DAY))
    for begin, end in hours.spans:
        if begin < end:
            if is_of_today and begin <= minute < end:
                return True
        elif (is_of_today and minute >= begin) or (is_of_yesterday and minute < end):
            return True
    return False


def next_active(hours: ActiveHours, at: datetime) -> datetime:
    """Return the time if it is active, else the begin of the next active hours."""
    if is_active(hours, at):
        return at
    return next(time for time in _begins(hours, at) if time > at and is_active(hours, time))


def _begins(hours: ActiveHours, at: datetime) -> Iterator[datetime]:
    """Yield, in order, each time at which active hours may begin, from the day before."""
    zone = ZoneInfo(hours.timezone)
    today = at.astimezone(zone).date()
    for number in range(-1, _MAX_WAIT_DAYS):
        yield from sorted(_begins_on(hours, zone, today + number * _DAY))


def _begins_on(hours: ActiveHours, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """Yield the begins of a day, and the time at which its clock is changed.

    A begin that comes twice is yielded twice; one that is left out is the time at which the clock is put forward.
    """
    for begin, _ in hours.spans:
        local = datetime(day.year, day.month, day.day, begin // 60, begin % 60, tzinfo=zone)
        yield from {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    yield from _clock_change(zone, midnight.astimezone(UTC), (midnight + _DAY).astimezone(UTC))


def _clock_change(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the first time with another offset from UTC than at the begin of a day."""
    offset = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return
    while until - after > timedelta(seconds=1):
        middle = (after + (until - after) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            until = middle
    yield until
