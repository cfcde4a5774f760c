"""Parse the times in CircleCI's JSON."""

import re
from datetime import UTC, datetime, timedelta

# Go's format of a time, seen in GitHub App payloads: 2024-12-18 17:23:29.361740256 +0000 UTC
GO_TIME = re.compile(r"([0-9-]+) ([0-9:.]+) ([+-][0-9]{4})( .*)?")
MAX_CHARACTERS = 100
YEARS = range(2011, 2100)  # CircleCI began in 2011; Go's zero time (year 1) and Unix' (1970) mean that there is no time
MAX_AHEAD = timedelta(days=1)  # of our clock: theirs may be wrong, and a far future time would stay first in every list


def now_utc() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def read_time(value: object) -> datetime | None:
    """Return an aware time in UTC, parsed from ISO 8601 or Go's format.

    A time without an offset is taken as UTC. None for any other value, and for a time that no build can have.
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
    """Return the time of an event: the source's, or else the time of receipt.

    The latter is taken if the source gives none, or one more than ``MAX_AHEAD`` ahead of our clock.
    """
    return received_at if time is None or time > received_at + MAX_AHEAD else time


def milliseconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """Return the duration; None if a time is unknown or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return (end - start) // timedelta(milliseconds=1)
