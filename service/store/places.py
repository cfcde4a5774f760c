"""Places in an ordered list, and the cursors that name them to outside users."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Tuple, Uuid, literal, tuple_

from service.errors import BadRequest
from service.tables import UtcDateTime


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """A place in a list that goes by time, then by id."""

    at: datetime
    id: UUID

    @property
    def sql(self) -> Tuple:
        """The place as a row value."""
        return tuple_(literal(self.at, UtcDateTime), literal(self.id, Uuid))


def to_cursor(place: Place) -> str:
    """Return the cursor that leads to what stands after a place."""
    text = f"{place.at.isoformat()}|{place.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def to_place(cursor: str) -> Place:
    """Return the place that a cursor names. Raises BadRequest for one that is not ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, key = text.partition("|")
        return Place(at=datetime.fromisoformat(at).astimezone(UTC), id=UUID(key))
    except (ValueError, OverflowError) as error:  # also what base64 and UTF-8 have to complain of
        raise BadRequest("this is no cursor of Roundsman's; start again without it") from error
