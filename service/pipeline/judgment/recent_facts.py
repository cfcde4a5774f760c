"""Facts of red runs, kept a moment for the other channels of an event."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.model import Details, Event, RedFacts

VALID_FOR = timedelta(seconds=10)
MAX_FACTS = 64


class RecentFacts:
    """A cache of the facts of red runs, by the event and what is known of it.

    Threads may use it at once: at worst they work out the same.
    """

    def __init__(self) -> None:
        self._found: dict[object, tuple[datetime, RedFacts]] = {}

    def find(self, event: Event, details: Details | None, now: datetime, work_out: Callable[[], RedFacts]) -> RedFacts:
        """Return the facts of a red run, worked out at most ten seconds ago."""
        key = (event.id, event.run, details and (details.rounds, details.asked_at, details.has_tests))
        at, facts = self._found.get(key, (None, RedFacts()))
        if at is not None and timedelta() <= now - at <= VALID_FOR:
            return facts
        facts = work_out()
        while len(self._found) >= MAX_FACTS:
            self._found.pop(next(iter(self._found)), None)
        self._found[key] = (now, facts)
        return facts
