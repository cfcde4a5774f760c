"""What every engine runs, and how it lives on when that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from service.errors import Temporary

Handler = Callable[[UUID], Awaitable[None]]
Failed = Callable[[str, UUID, Exception], Awaitable[None]]

log = structlog.get_logger()


async def survive(what: str, work: Awaitable[None]) -> Exception | None:
    """Do the work and live on: the one place that catches what nobody foresaw, and it says so in the log."""
    try:
        await work
    except Temporary as error:
        log.warning("work could not be done now", what=what, reason=str(error))
        return error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        log.warning("work was cut off from within", what=what)  # by a library: nobody asked us to end
        return Temporary("it was cut off from within")
    except Exception as error:
        log.exception("work failed in a way nobody foresaw", what=what)
        return error
    return None
