"""Paths that a CircleCI does not have and says so with a 500, as servers do for what is the cloud's alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.api.request import Call, EndpointError
from service.errors import Permanent

MIN_FAILURES = 5
MIN_SPAN = timedelta(minutes=1)  # ten jobs are asked about at once: their failures are one


@dataclass(kw_only=True)
class PathFailures:
    """The failures of a path that has never worked."""

    since: datetime
    count: int = 0


class MissingPaths:
    """Tells a path that fails just now from one that is not there: it never worked, while others do.

    It is asked all the same, once each time; the first success makes it a path like any other.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._working: set[str] = set()
        self._failing: dict[str, PathFailures] = {}

    def note_success(self, call: Call) -> None:
        """Remember that a path works."""
        self._working.add(call.template)
        self._failing.pop(call.template, None)

    def note_failure(self, call: Call, error: EndpointError) -> None:
        """Remember a failure; raises Permanent where the path seems not to be there."""
        now = self._clock()
        if call.template in self._working:
            return
        failures = self._failing.setdefault(call.template, PathFailures(since=now))
        failures.count += 1
        if self._working and failures.count >= MIN_FAILURES and now - failures.since >= MIN_SPAN:
            raise Permanent(
                f"{error} to {call}, as each time so far, while other calls work: this CircleCI seems not to have it"
            ) from error
