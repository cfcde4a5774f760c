"""The heartbeat of this process: a row that it writes, and on Postgres a look at the database's clock."""

import asyncio
from dataclasses import replace

import structlog

from service.clock import Clock
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.metrics import Metrics
from service.model import Process
from service.store import heartbeats

BEAT_EVERY_S = 10.0  # three of them before one is missed (jobs.LIVES)

log = structlog.get_logger()


class Heartbeat:
    """Writes the heartbeat of this process, and has the store's clock follow the database's.

    clock   dates the heartbeats
    """

    def __init__(self, store: Store, process: Process, *, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._process = process
        self._clock = clock
        self._metrics = metrics
        self._was_off = False

    def set_channels(self, channels: str) -> None:
        """Say from the next heartbeat on that this process has other channels."""
        self._process = replace(self._process, channels=channels)

    async def beat(self) -> None:
        """Write it, ahead of others who wait to write. Raises Temporary where nothing can be written."""
        await self._store.write_first(self._beat)
        self._compare_clocks()

    async def keep(self) -> None:
        """Write it again and again, until cancelled."""
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            await self.try_beat()

    async def try_beat(self) -> None:
        """Write it if that can be done, and say so where it cannot."""
        try:
            await self.beat()
        except Temporary as error:
            log.warning("the heartbeat could not be written", reason=str(error))

    def _beat(self, transaction: Transaction) -> None:
        if self._store.is_shared:
            heartbeats.read_clock(transaction, self._store.clock)
        heartbeats.beat(transaction, self._process, self._clock())

    def _compare_clocks(self) -> None:
        """Say once that this machine's clock is off, and once that it is no longer."""
        clock = self._store.clock
        self._metrics.clock_offset.set(clock.offset_s)
        if clock.is_off and not self._was_off:
            log.warning(f"{clock.comparison}; the database's counts here, but set this one right")
        elif self._was_off and not clock.is_off:
            log.info("the clock of this machine is right again")
        self._was_off = clock.is_off
