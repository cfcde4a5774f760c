"""Places in an ordered list, and the cursors that name them to outside users."""

import base64
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Tuple, Uuid, literal, tuple_

from service.db.columns import UtcDateTime
from service.errors import BadRequest

PACKED = struct.Struct(">q16s")  # a time in microseconds and an id: 32 characters, which fit on any line
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, order=True)
class SortKey:
    """A place in a list that goes by time, then by id."""

    at: datetime
    id: UUID

    @property
    def sql(self) -> Tuple:
        """The place as a row value."""
        return tuple_(literal(self.at, UtcDateTime), literal(self.id, Uuid))


def to_cursor(place: SortKey) -> str:
    """Return the cursor that leads to what stands after a place."""
    since_epoch = (place.at - EPOCH) // MICROSECOND
    return base64.urlsafe_b64encode(PACKED.pack(since_epoch, place.id.bytes)).decode()


def to_sort_key(cursor: str) -> SortKey:
    """Return the place in a cursor. Raises BadRequest for one that is not ours."""
    try:
        since_epoch, key = PACKED.unpack(base64.urlsafe_b64decode(cursor))
        return SortKey(at=EPOCH + since_epoch * MICROSECOND, id=UUID(bytes=key))
    except (ValueError, OverflowError, struct.error) as error:  # also what base64 has to complain of
        raise BadRequest("this is no cursor of Roundsman's; start again without it") from error
