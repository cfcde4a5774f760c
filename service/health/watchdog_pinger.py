"""Telling the watchdog, for as long as there is nothing to complain of."""

import asyncio
from typing import Protocol

import structlog

from service.errors import Temporary
from service.health.readiness import Readiness

PING_EVERY_S = 60.0
MAX_CHECKS = 5  # a second apart: a worker that has just started has not looked for work yet

log = structlog.get_logger()


class Pingable(Protocol):
    """A watchdog, as this asks for it."""

    async def tell(self) -> None:
        """Say that we are well. Raises Temporary."""


class WatchdogPinger:
    """Pingable a watchdog that everything is ready: the database, a worker, and a process that receives."""

    def __init__(self, readiness: Readiness, watchdog: Pingable) -> None:
        self._readiness = readiness
        self._watchdog = watchdog

    async def tell(self) -> None:
        """Tell it, or say in the log why it was not told: that it hears nothing is what raises its alarm."""
        if problem := await self._problem():
            log.warning("the watchdog is not told, for not all is ready", reason=problem)
            return
        try:
            await self._watchdog.tell()
        except Temporary as error:
            log.warning("the watchdog could not be told", reason=str(error))

    async def _problem(self) -> str | None:
        problem = await self._readiness.problem()
        for _ in range(MAX_CHECKS - 1):
            if problem is None:
                break
            await asyncio.sleep(1)
            problem = await self._readiness.problem()
        return problem
