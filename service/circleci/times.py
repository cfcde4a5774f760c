"""Times as CircleCI writes them."""

import re
from datetime import UTC, datetime, timedelta

# What Go prints for a time, seen in GitHub App payloads: 2024-12-18 17:23:29.361740256 +0000 UTC
GO_TIME = re.compile(r"([0-9-]+) ([0-9:.]+) ([+-][0-9]{4})( .*)?")
MAX_CHARACTERS = 100
YEARS = range(2011, 2100)  # CircleCI began in 2011; Go's zero time, year 1, and Unix' mean that there is no time
MAX_AHEAD = timedelta(days=1)  # of our own clock: theirs may be wrong, and what never comes would lead every list


def now_utc() -> datetime:
    """The time it is."""
    return datetime.now(UTC)


def read_time(value: object) -> datetime | None:
    """An aware time in UTC from ISO 8601 or Go's format; None for anything else. Without an offset it is UTC.

    A time that no build can have is none.
    """
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        return None
    go = GO_TIME.fullmatch(value)
    try:
        time = datetime.fromisoformat("{}T{}{}".format(*go.groups()) if go else value)
        time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and last days of the calendar cannot be moved to UTC
        return None
    return time if time.year in YEARS else None


def happened_at(time: datetime | None, received_at: datetime) -> datetime:
    """Return when an event happened: as its source says, unless that is no time or lies ahead of our clock."""
    return received_at if time is None or time > received_at + MAX_AHEAD else time


def milliseconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """How long it took; None when an end is unknown or they are the wrong way round."""
    if start is None or end is None or end < start:
        return None
    return (end - start) // timedelta(milliseconds=1)
