"""Repetition of a call while it raises Temporary, such as of Postgres at start-up."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog

from service.app.systemd import ServiceManager
from service.errors import Temporary

PAUSE_S = 3.0

log = structlog.get_logger()
T = TypeVar("T")


def retry_while_temporary(look: Callable[[], T], manager: ServiceManager, *, within_s: float | None = None) -> T:
    """Call ``look`` again while it raises Temporary, and return its result.

    within_s   seconds after which the last error is raised; None: never
    """
    give_up_at = None if within_s is None else time.monotonic() + within_s
    while True:
        try:
            return _run_in_thread(look)
        except Temporary as error:
            if give_up_at is not None and time.monotonic() >= give_up_at:
                raise
            log.warning("waiting for the database", reason=str(error), again_in_s=PAUSE_S)
            manager.notify_status(f"waiting for the database: {error}")
        time.sleep(PAUSE_S)


def _run_in_thread(look: Callable[[], T]) -> T:
    """Call ``look`` in a daemon thread, and return its result or raise its error.

    The exit does not wait for a daemon thread: a signal ends the process even during a name lookup.
    """
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(look())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the calling thread
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return found.result()
