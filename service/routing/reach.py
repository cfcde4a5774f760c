"""The events that may come to be told by some routes. Pure.

Most runs of a company are of branches and kinds that no route names: a back-test need not judge them. Whether a route
that follows changes tells of a run depends on the other runs of its track, so that all of a track count or none.
"""

from collections.abc import Sequence

from service.model import Event, EventKind, Route
from service.routing.decide import hears_every_run
from service.routing.match_keys import JUDGED_KEYS
from service.routing.route_index import RouteIndex

TRACK_KEYS = frozenset({"event", "org", "project", "branch", "tag", "workflow"})
"""The match keys whose values are the same for each run of a track."""
CHANGE_KEYS = frozenset({"transition", "streak"})

Place = tuple[str | None, ...]


class Reach:
    """The events that routes can reach.

    has_digests   a digest counts each run of a workflow
    """

    def __init__(self, routes: Sequence[Route], *, has_digests: bool = False) -> None:
        self._is_all = has_digests or any(_needs_all(route) for route in routes)
        self._of_track = RouteIndex([route for route in routes if not _is_of_event(route)])
        self._of_event = RouteIndex([route for route in routes if _is_of_event(route)])
        self._tracks: dict[Place, bool] = {}

    def holds(self, event: Event) -> bool:
        """Return whether a route may come to tell of an event, or of its track."""
        if self._is_all and event.kind is EventKind.WORKFLOW_COMPLETED:
            return True
        place = _place(event)
        if place not in self._tracks:
            self._tracks[place] = self._of_track.fits_by(event, TRACK_KEYS)
        return self._tracks[place] or bool(self._of_event.verdicts(event))


def _place(event: Event) -> Place:
    project = event.project
    return (event.kind, event.org, project.slug, project.name, event.branch, event.tag, event.workflow.name)


def _is_of_event(route: Route) -> bool:
    """Return whether a route tells of an event by what that says alone."""
    is_judged = any(matcher.key in JUDGED_KEYS for matcher in route.matchers)
    return hears_every_run(route) and not is_judged and route.active is None and route.group is None


def _needs_all(route: Route) -> bool:
    """Return whether a route tests what follows from the runs of other tracks too."""
    return any(matcher.key in JUDGED_KEYS - CHANGE_KEYS for matcher in route.matchers)
