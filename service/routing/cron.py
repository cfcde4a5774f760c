"""Times of cron expressions, read by cronsim as Debian's cron reads them. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5  # cronsim takes a sixth, for seconds
_SOME_TIME = datetime(2024, 6, 1, tzinfo=UTC)
_MAX_CHARACTERS = 200
_TWICE = timedelta(hours=2)  # a clock that is put back shows no more than these again


def parse_cron(text: str) -> str:
    """Return the expression if it has times. Raises ValueError."""
    count = len(text.split())
    if count != _FIELDS:
        raise ValueError(f"{text} has {count} fields; write five, such as '0 9 * * mon'")
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters, and a cron expression at most {_MAX_CHARACTERS}")
    try:
        next(CronSim(text, _SOME_TIME, reverse=True))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").replace("-", " ")
        raise ValueError(f"{text} is no cron expression, or never comes: its {field} has no such value") from error
    except StopIteration:
        raise ValueError(f"{text} never comes: no such day is in any year") from None
    return text


def time_before(cron: str, timezone: str, at: datetime) -> datetime:
    """Return the last time of an expression up to a time, in UTC.

    A time that the clock leaves out comes when it is put forward. One of a fixed hour that comes twice counts once, the
    first time: for these cronsim goes by the clock on the wall, so that a search begins beyond what that shows twice.
    """
    times = CronSim(cron, (at + _TWICE).astimezone(ZoneInfo(timezone)), reverse=True)
    return next(time for found in times if (time := found.astimezone(UTC)) <= at)


def time_after(cron: str, timezone: str, at: datetime) -> datetime:
    """Return the first time of an expression after a time, in UTC."""
    times = CronSim(cron, (at - _TWICE).astimezone(ZoneInfo(timezone)))
    return next(time for found in times if (time := found.astimezone(UTC)) > at)
