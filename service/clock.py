"""Clocks: what time it is, by this machine or by the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

MAX_SPREAD_S = 1.0  # of a reading to go by, where there is another
MAX_OFFSET_S = 2.0  # time synchronization keeps far less, and people notice more in a list of times


def now_utc() -> datetime:
    """Return the time on this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A time that another clock showed, between two moments of our stopwatch.

    before_s, after_s   seconds of the stopwatch; the other clock was read about halfway between them
    """

    time: datetime
    before_s: float
    after_s: float

    @property
    def spread_s(self) -> float:
        """How uncertain the moment of the reading is."""
        return self.after_s - self.before_s


class DatabaseClock:
    """The database's clock, followed from here: where machines share rows, one clock alone is compared.

    A machine's own clock may be minutes off, and what it dated would be due too late, or not yet, for all others. So it
    counts only until the first reading; from then on a stopwatch carries the latest reading on.

    own         this machine's clock
    stopwatch   seconds since some moment; it never jumps
    """

    def __init__(self, own: Clock = now_utc, *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self.stopwatch = stopwatch
        self._own = own
        self._reading: Reading | None = None

    def __call__(self) -> datetime:
        """Return the time."""
        if self._reading is None:
            return self._own()
        halfway_s = (self._reading.before_s + self._reading.after_s) / 2
        return self._reading.time + timedelta(seconds=self.stopwatch() - halfway_s)

    def follow(self, reading: Reading) -> None:
        """Go by a reading, unless it is a vague one and there is another."""
        if self._reading is None or reading.spread_s <= MAX_SPREAD_S:
            self._reading = reading

    @property
    def offset_s(self) -> float:
        """Seconds that this machine's own clock is ahead of the database's; 0 before the first reading."""
        return (self._own() - self()).total_seconds()

    @property
    def is_off(self) -> bool:
        """Whether the machine's own clock is so far from the database's that people should know."""
        return abs(self.offset_s) > MAX_OFFSET_S

    @property
    def comparison(self) -> str:
        """How far this machine's own clock is off, in words."""
        side = "ahead of" if self.offset_s > 0 else "behind"
        return f"the clock of this machine is {abs(self.offset_s):.0f} s {side} the database's"
