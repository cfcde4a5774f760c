"""Logs on standard error: lines for people on a terminal, JSON in a pipe."""

import codecs
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import Processor


class Forgiving:
    """A stream that loses what cannot be written: a full disk, or a reader that is gone, is no reason to end work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write the text if that can be done."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Let go of what has been written, if that can be done."""
        with suppress(OSError):
            self._stream.flush()


def _is_utf8() -> bool:
    """Tell whether standard error takes every character; where not, JSON has escapes of its own, and no others."""
    return codecs.lookup(sys.stderr.encoding or "ascii").name == "utf-8"


def configure_logs(level: int = logging.INFO) -> None:
    """Have our own log and the libraries' come out alike; of the libraries only warnings and worse."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal, stream = sys.stderr.isatty(), Forgiving(sys.stderr)
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
    handler = logging.StreamHandler(stream)
    tidy: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tidy))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
