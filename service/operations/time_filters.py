"""Parser of typed times: a date, RFC 3339, or a duration before now."""

import re
from datetime import UTC, datetime, timedelta

from service.errors import BadRequest
from service.text import shorten_units

MAX_AGO = timedelta(days=36_500)
SEARCHABLE_YEARS = range(1970, 2100)  # 1970: many programs write their zero time to mean "from the beginning"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(?:[0-9]{1,9}[smhdw]){1,5}")
_DAYS = {"today": 0, "yesterday": 1}
EXAMPLES = "2026-11-22, 2026-11-22T09:30:00Z, 7d, 1h30m, yesterday, today or now"
LATER_EXAMPLES = "2h, 1d12h, 2026-11-22 or 2026-11-22T09:30:00Z"


def to_time(text: str, now: datetime) -> datetime:
    """Parse a time, and return it in UTC. Raises BadRequest.

    ``7d``, ``1h30m`` and ``1 h 30 min`` are durations before now; ``yesterday`` and ``today`` are 00:00 UTC of that
    day. A date or time without a zone is in UTC.
    """
    word = text.strip().lower()
    if word == "now":
        return now
    if word in _DAYS:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=_DAYS[word])
    ago = shorten_units(word)
    time = now - _parse_duration(ago, "ago", EXAMPLES) if _AGO.fullmatch(ago) else _parse_iso(text, EXAMPLES)
    if not SEARCHABLE_YEARS[0] <= time.year <= SEARCHABLE_YEARS[-1]:
        years = f"years from {SEARCHABLE_YEARS[0]} to {SEARCHABLE_YEARS[-1]} are"
        raise BadRequest(f"{text!a} is not a time of a build; {years}")
    return time


def to_later_time(text: str, base: datetime) -> datetime:
    """Parse a time, and return it in UTC. Raises BadRequest.

    ``2h`` and ``1d12h`` are durations after ``base``; a time without a zone is in UTC.
    """
    word = text.strip().lower()
    later = shorten_units(word)
    if _AGO.fullmatch(later):
        return base + _parse_duration(later, "later", LATER_EXAMPLES)
    time = base if word == "now" else _parse_iso(text, LATER_EXAMPLES)
    if not SEARCHABLE_YEARS[0] <= time.year <= SEARCHABLE_YEARS[-1]:
        raise BadRequest(f"{text!a} is too far away; write {LATER_EXAMPLES}")
    return time


def _parse_iso(text: str, examples: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{text!a} is not a time; write {examples}") from error


def _parse_duration(word: str, way: str, examples: str) -> timedelta:
    parts = re.findall(r"([0-9]+)([smhdw])", word)
    units = [unit for _, unit in parts]
    if len(set(units)) < len(units):
        raise BadRequest(f"{word!a} is not a time: it has a unit twice; write {examples}")
    try:
        duration = timedelta(**{_UNITS[unit]: int(number) for number, unit in parts})
    except OverflowError:
        duration = timedelta.max
    if duration > MAX_AGO:
        raise BadRequest(f"{word!a} is longer than {MAX_AGO.days} days {way}; write {examples}")
    return duration
