"""The clock of the demo's day: it moves from act to act, and ticks between them."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from service.clock import Clock, now_utc

SPEED = 5  # seconds of the story in a true one


class StoryClock:
    """A clock that shows the time of the story, and after it the true time.

    The service's times (when a message was sent, an incident taken) are then those of the day that is played. It is
    fast, so that the pauses before CircleCI is asked again are short.

    Pages log people in by the true time: a session must not end because an act moved the clock.
    """

    def __init__(
        self, start: datetime, *, own: Clock = now_utc, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        self._own, self._stopwatch = own, stopwatch
        self._base: datetime | None = start
        self._set_at_s = stopwatch()

    def __call__(self) -> datetime:
        """Return the time of the story, or the true one after it."""
        if self._base is None:
            return self._own()
        return self._base + timedelta(seconds=SPEED * (self._stopwatch() - self._set_at_s))

    def move_to(self, moment: datetime) -> None:
        """Show a time of the story from now on; it never goes back."""
        self._base, self._set_at_s = max(self(), moment), self._stopwatch()

    def end_story(self) -> None:
        """Show the true time from now on."""
        self._base = None
