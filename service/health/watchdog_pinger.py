"""Ping the watchdog while all checks pass."""

import asyncio

import structlog

from service.errors import Temporary
from service.health.readiness import Readiness
from service.health.watchdog import Watchdog

PING_EVERY_S = 60.0
MAX_CHECKS = 5  # a second apart: a worker that has just started has not polled for jobs yet

log = structlog.get_logger()


class WatchdogPinger:
    """Pings a watchdog if the database, a worker and a receiving process are ready."""

    def __init__(self, readiness: Readiness, watchdog: Watchdog) -> None:
        self._readiness = readiness
        self._watchdog = watchdog

    async def ping(self) -> None:
        """Ping the watchdog, or log the problem; without pings it raises an alarm."""
        if problem := await self._problem():
            log.warning("the watchdog is not told, for not all is ready", reason=problem)
            return
        try:
            await self._watchdog.ping()
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
