"""Endpoints that a CircleCI does not have, though it answers 500 and not 404.

A CircleCI Server does so for endpoints that only the cloud has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.api.request import Call, EndpointError, EndpointMissing
from service.errors import Permanent

MIN_FAILURES = 5
MIN_SPAN = timedelta(minutes=1)  # ten jobs are asked about at once: their failures count as one


@dataclass(kw_only=True)
class PathFailures:
    """The failures of an endpoint that has never worked."""

    since: datetime
    count: int = 0


class MissingPaths:
    """A record of the endpoints that work, to find those that do not exist.

    An endpoint seems not to exist if it has never worked while others do. It is still called, once each time; after the
    first success it counts as working.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._working: set[str] = set()
        self._failing: dict[str, PathFailures] = {}

    def note_success(self, call: Call) -> None:
        """Record that an endpoint works."""
        self._working.add(call.endpoint.path)
        self._failing.pop(call.endpoint.path, None)

    def note_failure(self, call: Call, error: EndpointError) -> None:
        """Record a failure; raise Permanent if the endpoint seems not to exist."""
        now = self._clock()
        if call.endpoint.path in self._working:
            return
        failures = self._failing.setdefault(call.endpoint.path, PathFailures(since=now))
        failures.count += 1
        if self._working and failures.count >= MIN_FAILURES and now - failures.since >= MIN_SPAN:
            kind = EndpointMissing if call.endpoint.version == "v3" else Permanent
            raise kind(
                f"{error} to {call}, as each time so far, while other calls work: this CircleCI seems not to have it"
            ) from error
