"""A circuit breaker: a side that has not answered several calls in a row is left alone for a while.

Without one, each call would wait for its whole time, and hold the room of those that come after it.
"""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from service.errors import Temporary

MAX_FAILURES = 4
OPEN_FOR = timedelta(seconds=30)
TRIAL_S = 10.0  # after which the outcome of a trial should be known
MIN_UNANSWERED_S = 5.0


class Log(Protocol):
    """A structured log, as far as this package writes to it."""

    def warning(self, event: str, **values: object) -> object:
        """Write a line that an operator should see."""
        ...


class Breaker:
    """Opens after ``MAX_FAILURES`` calls in a row without an answer; closes when a single trial is answered.

    report   told whether it is open, each time that this changes
    log      gets one line for each opening and closing; None where no log is kept
    """

    def __init__(self, *, clock: Callable[[], datetime], report: Callable[[bool], None], log: Log | None) -> None:
        self._clock = clock
        self._report = report
        self._log = log
        self._failures = 0
        self._opened_at: datetime | None = None
        self._is_trying = False

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Let a call through, or raise Temporary at once.

        A call that raises Temporary was not answered; nor was one that its asker gave up after a while. One that was
        given up at once proves nothing.
        """
        self._raise_if_open()
        is_trial = self._opened_at is not None
        self._is_trying = self._is_trying or is_trial
        began_at = monotonic()
        try:
            yield
            self._note_answer()
        except Temporary:
            self._note_failure()
            raise
        except CancelledError:
            if monotonic() - began_at >= MIN_UNANSWERED_S:
                self._note_failure()
            raise
        finally:
            if is_trial:
                self._is_trying = False

    def _raise_if_open(self) -> None:
        if self._opened_at is None:
            return
        since = self._clock() - self._opened_at
        left = OPEN_FOR - since if since >= timedelta() else timedelta()  # a clock that was set back proves nothing
        if left > timedelta() or self._is_trying:
            wait_s = left.total_seconds() if left > timedelta() else TRIAL_S
            raise Temporary(
                f"CircleCI left {MAX_FAILURES} calls in a row unanswered, so it is not asked for a while",
                retry_after_s=wait_s,
            )

    def _note_failure(self) -> None:
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            self._open()

    def _note_answer(self) -> None:
        self._failures = 0
        if self._opened_at is not None:
            self._close()

    def _open(self) -> None:
        if self._opened_at is None:
            self._report(True)
            if self._log:
                self._log.warning(
                    "CircleCI does not answer, so it is asked only now and then; messages go with less detail",
                    unanswered=self._failures,
                    trial_every_s=OPEN_FOR.total_seconds(),
                )
        self._opened_at = self._clock()

    def _close(self) -> None:
        self._opened_at = None
        self._report(False)
        if self._log:
            self._log.warning("CircleCI answers again")
