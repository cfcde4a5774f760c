"""The names of incidents, when the borders of stretches of red change. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from service.routing.tracks import Stretch


@dataclass(frozen=True, kw_only=True)
class NamedStretch:
    """A stretch of red with the id of its incident.

    merged          incidents that became part of it
    is_found_late   True if no run made it an incident when it was new: late ones did
    """

    id: UUID
    stretch: Stretch
    merged: Sequence[UUID] = field(default=())
    is_found_late: bool = False


def name_stretches(stretches: Sequence[Stretch], new_id: Callable[[], UUID]) -> list[NamedStretch]:
    """Return the stretches with their incidents' ids, in their order.

    Of a stretch that was divided, the part with the newest red keeps the id. Of two that became one, the id of the
    younger stays.
    """
    named: list[NamedStretch] = []
    kept: set[UUID] = set()
    for stretch in reversed(stretches):
        known = list(dict.fromkeys(_known_ids(stretch)))
        free = [incident_id for incident_id in known if incident_id not in kept]
        chosen = free[0] if free else new_id()
        kept.add(chosen)
        is_late = not free and (bool(known) or any(run.is_late for run in stretch.reds))
        named.append(NamedStretch(id=chosen, stretch=stretch, merged=free[1:], is_found_late=is_late))
    named.reverse()
    return [_without(one, kept) for one in named]


def _without(named: NamedStretch, kept: set[UUID]) -> NamedStretch:
    """Leave out merged incidents that another stretch has kept."""
    merged = tuple(incident_id for incident_id in named.merged if incident_id not in kept)
    return NamedStretch(id=named.id, stretch=named.stretch, merged=merged, is_found_late=named.is_found_late)


def _known_ids(stretch: Stretch) -> Iterator[UUID]:
    """Yield the ids that its reds had until now, of the newest first."""
    for run in reversed(stretch.reds):
        if run.incident_id is not None:
            yield run.incident_id
    if stretch.continues is not None:
        yield stretch.continues
