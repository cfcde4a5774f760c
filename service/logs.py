"""Logs on standard error: lines for people on a terminal, JSON in a pipe."""

import atexit
import codecs
import logging
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

from service.log_stream import QueuedStream, log_stream


def _is_utf8() -> bool:
    """Tell whether standard error takes every character; where not, JSON has escapes of its own, and no others."""
    return codecs.lookup(getattr(sys.stderr, "encoding", None) or "ascii").name == "utf-8"


def configure_logs(level: int = logging.INFO) -> None:
    """Have our own log and the libraries' come out alike; of the libraries only warnings and worse.

    Whatever waits at the end of the process is written then, if its reader takes it soon.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal, stream = sys.stderr is not None and sys.stderr.isatty(), log_stream(sys.stderr)
    if isinstance(stream, QueuedStream):
        atexit.register(stream.drain)
    ending: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]  # rich's shows local values
        if on_terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=not _is_utf8())]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(cast(TextIO, stream))
    tidy: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tidy))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)  # written to standard error directly, one could hold up everything


def set_log_level(name: str) -> None:
    """Leave out of the log what is less than this; where errors alone are wanted, also of the libraries' lines."""
    level = logging.getLevelNamesMapping()[name.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    logging.getLogger().setLevel(max(level, logging.WARNING))
