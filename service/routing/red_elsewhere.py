"""A branch that is red of what others are red of too. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

SEEN_WITHIN = timedelta(days=7)

Failure = tuple[str, str]
"""A job and the fingerprint of its failure."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A failure in another run of the project.

    since             the end of the first red of its track in a row, or of the run
    is_newest_default it is of the newest run of the default branch
    run_id            the other run
    """

    failure: Failure
    branch: str
    author: str | None
    at: datetime
    since: datetime
    is_newest_default: bool = False
    run_id: UUID | None = None


def red_elsewhere(
    failures: Collection[Failure], sightings: Iterable[Sighting], *, branch: str, author: str | None, now: datetime
) -> Sighting | None:
    """Return the sighting of a run's failure that tells most.

    One on the default branch comes first, then the latest.

    Another branch counts for seven days, and if its author is another.
    """
    seen = [one for one in sightings if one.failure in set(failures) and one.branch != branch and one.at <= now]
    on_default = [one for one in seen if one.is_newest_default]
    elsewhere = [one for one in seen if now - one.at <= SEEN_WITHIN and author and one.author and one.author != author]
    return max(on_default or elsewhere, key=lambda one: (one.at, one.branch), default=None)
