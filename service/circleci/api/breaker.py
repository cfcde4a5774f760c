"""A circuit breaker: stop calling CircleCI after several unanswered calls.

Without one, each call would wait for its whole timeout, and occupy a slot that later calls need.
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
TRIAL_S = 10.0  # after this time the outcome of a trial should be known
MIN_UNANSWERED_S = 5.0


class Log(Protocol):
    """A structured log: the methods that this package calls.

    A protocol because the import map grants this package no logging library.
    """

    def warning(self, event: str, **values: object) -> object:
        """Write a line of level warning, for an operator."""
        ...


class Breaker:
    """A circuit breaker: open after ``MAX_FAILURES`` calls in a row without an answer.

    After ``OPEN_FOR`` it admits a single trial, and closes if the trial is answered.

    report   called with True when it opens and with False when it closes
    log      gets one line for each opening and closing; None: no log is kept
    timer    measures how long a call took, in seconds
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        report: Callable[[bool], None],
        log: Log | None,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._timer = timer
        self._report = report
        self._log = log
        self._failures = 0
        self._opened_at: datetime | None = None
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """True if CircleCI is asked only now and then."""
        return self._opened_at is not None

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Admit a call, or raise Temporary at once if the breaker is open.

        A call counts as unanswered if it raises Temporary, or if its caller cancels it after ``MIN_UNANSWERED_S``. A
        call that is cancelled earlier proves nothing.
        """
        self._raise_if_open()
        is_trial = self._opened_at is not None
        self._is_trying = self._is_trying or is_trial
        began_at = self._timer()
        try:
            yield
            self._note_answer()
        except Temporary:
            self._note_failure()
            raise
        except CancelledError:
            if self._timer() - began_at >= MIN_UNANSWERED_S:
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
