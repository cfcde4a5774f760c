"""Errors and log lines of the job engine about its database, translated."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from procrastinate.exceptions import ConnectorException

from service.errors import Temporary

LOGGERS = ("procrastinate.utils", "procrastinate.worker", "psycopg.pool", "psycopg_pool.sched_async")
REPEAT_AFTER_S = 10.0


@contextmanager
def as_temporary() -> Iterator[None]:
    """Raise Temporary for a connection that Procrastinate cannot make, or lost."""
    try:
        yield
    except ConnectorException as error:
        raise Temporary(f"the database does not serve the job engine now: {error.__cause__ or error}") from error


class OneLineFilter(logging.Filter):
    """A log filter: one line for a database that is away, at most every 10 seconds.

    Each task of the libraries logs a traceback of its own, again and again. Other records pass unchanged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._silent_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record, and tell whether it passes."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, ConnectorException | psycopg.Error) and not record.name.startswith("psycopg"):
            return True
        now = time.monotonic()
        if now < self._silent_until:
            return False
        self._silent_until = now + REPEAT_AFTER_S
        reason = str(error.__cause__ or error) if error else record.getMessage()
        record.msg = f"the job engine has trouble with its connection to the database: {' '.join(reason.split())}"
        record.args, record.exc_info, record.exc_text = (), None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def log_in_one_line() -> None:
    """Add the filter to every logger through which the libraries report the database."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_ONE_LINE)  # a logger keeps one, however often it is added


_ONE_LINE = OneLineFilter()
