"""Handlers of jobs, and the guard under which both engines run them."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from service.errors import Temporary

Handler = Callable[[UUID], Awaitable[None]]
Failed = Callable[[str, UUID, Exception], Awaitable[None]]

log = structlog.get_logger()


async def run_guarded(what: str, work: Awaitable[None]) -> Exception | None:
    """Await work, and log and return its exception: the one place that catches any."""
    try:
        await work
    except Temporary as error:
        log.warning("work could not be done now", what=what, reason=str(error))
        return error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        log.warning("work was cut off from within", what=what)  # by a library: this task was not asked to end
        return Temporary("it was cut off from within")
    except Exception as error:
        log.exception("work failed unexpectedly", what=what)
        return error
    return None
