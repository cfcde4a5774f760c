"""Matches that never fit unless CircleCI is asked, while there is no token."""

from collections.abc import Iterator

from service.config.settings import variable
from service.model import EventKind, Matcher, Route
from service.routing.comparisons import COMPARED, split_comparison
from service.routing.decide import fits
from service.routing.match_key import to_fact
from service.routing.match_keys import MATCH_KEYS

_TOKEN = variable("circleci_token")
_ASKED = frozenset({"queue", "slower", "pr"})
"""Keys whose value for a workflow is in CircleCI's answers alone."""


def blind_matches(routes: tuple[Route, ...]) -> Iterator[str]:
    """Yield a warning for each match of a route that needs what only the API knows.

    Exclusions fit what is not known, and are left out.
    """
    for position, route in enumerate(routes, start=1):
        name = route.name if route.name == f"route {position}" else f"route '{route.name}'"
        for matcher in route.matchers:
            if matcher.key == "actor":
                yield f"{name} asks for the actor, whom only CircleCI's API knows; set {_TOKEN}"
            elif _never_fits(matcher) and not _hears_jobs(route):
                asked = f"{matcher.key}: {' or '.join(matcher.patterns)}"
                yield f"{name} asks for {asked}, which fits no run: only CircleCI's API knows it; set {_TOKEN}"


def _never_fits(matcher: Matcher) -> bool:
    """Return whether a matcher fits no workflow of which CircleCI was not asked."""
    if not matcher.patterns:
        return False
    if matcher.key == "duration":  # known is the time from begin to end, and so the most that it can be
        return not any(split_comparison(pattern, COMPARED)[0] in {"<", "<="} for pattern in matcher.patterns)
    unknown = MATCH_KEYS[matcher.key].when_unknown
    return matcher.key in _ASKED or (unknown is not None and not fits(matcher, to_fact(unknown)))


def _hears_jobs(route: Route) -> bool:
    """Return whether a route hears jobs, whose posts tell how long they took."""
    return any(matcher.key == "event" and EventKind.JOB_COMPLETED in matcher.patterns for matcher in route.matchers)
