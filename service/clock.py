"""Clocks: the time of this machine, and the time of the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

Clock = Callable[[], datetime]

MICROSECOND = timedelta(microseconds=1)
MAX_LEAD = timedelta(seconds=1)  # of distinct times on the clock: a million in a second
MAX_SPREAD_S = 1.0  # a reading with more is ignored, unless it is the first
MAX_OFFSET_S = 2.0  # synchronized clocks differ by far less; a larger difference shows in a list of times


def now_utc() -> datetime:
    """Return the time on this machine's clock."""
    return datetime.now(UTC)


class DistinctTimes:
    """Times that keep the order in which they were taken, of which no two are equal.

    A clock may show one time twice. Where it was set back, the times go back too.
    """

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = Lock()

    def take(self, now: datetime) -> datetime:
        """Return this time, or the next one that was not taken; from any thread."""
        with self._lock:
            is_set_back = self._last - now > MAX_LEAD
            self._last = now if is_set_back else max(now, self._last + MICROSECOND)
            return self._last


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A time read from another clock, between two moments of the stopwatch.

    before_s, after_s   seconds of the stopwatch; the other clock was read about halfway between them
    """

    time: datetime
    before_s: float
    after_s: float

    @property
    def spread_s(self) -> float:
        """Return the uncertainty of the reading's moment, in seconds."""
        return self.after_s - self.before_s


class DatabaseClock:
    """The database's clock: the one clock of all machines that share its rows.

    A machine's own clock may be minutes off: rows dated by it would be due too early or too late for the other
    machines. So it is used only before the first reading; after that the time is the latest reading plus the seconds
    that the stopwatch has counted since.

    own         this machine's clock
    stopwatch   seconds since some moment; it never jumps
    """

    def __init__(self, own: Clock = now_utc, *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self.stopwatch = stopwatch
        self._own = own
        self._reading: Reading | None = None

    def __call__(self) -> datetime:
        """Return the time of the database; of this machine before the first reading."""
        if self._reading is None:
            return self._own()
        halfway_s = (self._reading.before_s + self._reading.after_s) / 2
        return self._reading.time + timedelta(seconds=self.stopwatch() - halfway_s)

    def follow(self, reading: Reading) -> None:
        """Use a reading, unless it is a later one with a spread above ``MAX_SPREAD_S``."""
        if self._reading is None or reading.spread_s <= MAX_SPREAD_S:
            self._reading = reading

    @property
    def offset_s(self) -> float:
        """Return the seconds that this machine's clock is ahead of the database's.

        0 before the first reading; negative when it is behind.
        """
        return (self._own() - self()).total_seconds()

    @property
    def is_off(self) -> bool:
        """Return whether the two clocks differ by more than ``MAX_OFFSET_S``."""
        return abs(self.offset_s) > MAX_OFFSET_S

    @property
    def comparison(self) -> str:
        """Return a sentence that names the offset of this machine's clock."""
        side = "ahead of" if self.offset_s > 0 else "behind"
        return f"the clock of this machine is {abs(self.offset_s):.0f} s {side} the database's"
