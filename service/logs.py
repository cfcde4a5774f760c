"""Logs on standard error: text on a terminal, JSON in a pipe."""

import atexit
import codecs
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

from service.log_stream import QueuedStream, log_stream


def _is_utf8() -> bool:
    """Return whether standard error is UTF-8; where not, JSON escapes non-ASCII."""
    return codecs.lookup(getattr(sys.stderr, "encoding", None) or "ascii").name == "utf-8"


def _json_renderer() -> Processor:
    encode = json.JSONEncoder(default=repr, ensure_ascii=not _is_utf8()).encode  # json.dumps makes one for each line
    return structlog.processors.JSONRenderer(serializer=lambda line, **_options: encode(line))


def configure_logs(level: int = logging.INFO) -> None:
    """Configure structlog and the standard library's logging to one format.

    The libraries log warnings and errors only. At the end of the process lines that still wait are written, for
    ``FLUSH_S`` seconds at most.
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
        else [structlog.processors.format_exc_info, _json_renderer()]
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
    logging.captureWarnings(capture=True)  # otherwise Python writes them to standard error, and a stuck reader blocks


@contextmanager
def logs_of_a_command() -> Iterator[None]:
    """Write warnings to standard error where logs are not configured yet.

    Standard output is the result of a command, JSON perhaps; without a configuration every line would go there.
    """
    if structlog.is_configured():
        yield
        return
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.reset_defaults()


def set_log_level(name: str) -> None:
    """Set the lowest level of our own log lines.

    At ERROR and above it applies to the libraries' lines too; else those start at WARNING.
    """
    level = logging.getLevelNamesMapping()[name.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    logging.getLogger().setLevel(max(level, logging.WARNING))
