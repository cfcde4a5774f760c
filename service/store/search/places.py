"""Places: the order of events as one number, by the time that they happened at."""

import base64
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.errors import BadRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ID_BITS = 11
MAX_TIME = (1 << 63 - ID_BITS) - 1  # in microseconds: the year 2112; later times and those before 1970 share the ends
_CURSOR = struct.Struct(">q")


def place_of(at: datetime, event_id: UUID) -> int:
    """Return the place of an event: its time, then bits of its id.

    Another event may have it. CircleCI's times are whole milliseconds. Of those the microseconds are taken from the id
    too, so that events of one millisecond rarely meet at one place. Raises ValueError for a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    microseconds = _microseconds(at)
    if microseconds % 1_000 == 0:
        microseconds = min(microseconds + (event_id.int >> 118) * 1_000 // 1_024, MAX_TIME)
    return (microseconds << ID_BITS) | (event_id.int >> 107) % (1 << ID_BITS)


def first_place(at: datetime) -> int:
    """Return the lowest place of events that happened at a time."""
    return _microseconds(at) << ID_BITS


def time_of(place: int) -> datetime:
    """Return the time of a place, which may be part of a millisecond late."""
    return EPOCH + (place >> ID_BITS) * MICROSECOND


def to_cursor(place: int) -> str:
    """Return the cursor that leads to what stands after a place."""
    return base64.urlsafe_b64encode(_CURSOR.pack(place)).decode()


def from_cursor(cursor: str) -> int:
    """Return the place in a cursor. Raises BadRequest for one that is not ours."""
    try:
        place: int = _CURSOR.unpack(base64.urlsafe_b64decode(cursor))[0]
    except (ValueError, struct.error) as error:  # also what base64 has to complain of
        raise BadRequest("this is no cursor of Roundsman's; start again without it") from error
    return place


def _microseconds(at: datetime) -> int:
    since_epoch: int = (at - EPOCH) // MICROSECOND
    return min(max(since_epoch, 0), MAX_TIME)
