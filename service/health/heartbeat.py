"""The heartbeat of this process: it writes a row, and reads the clock of Postgres."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from service.clock import Clock
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.metrics import Metrics
from service.model import Process
from service.store.upkeep import heartbeats

BEAT_EVERY_S = 10.0  # three in the time after which a process counts as dead (queue.base.WORKER_ALIVE_WITHIN)

log = structlog.get_logger()


class Heartbeat:
    """Writes the heartbeat of this process; sets the store's clock to the database's.

    clock   the time of the heartbeats
    """

    def __init__(self, store: Store, process: Process, *, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._process = process
        self._clock = clock
        self._metrics = metrics
        self._was_wrong = False

    def set_configuration(self, *, channels: str, secrets: Sequence[str]) -> None:
        """Set the fingerprints of channels and secrets.

        They are written from the next heartbeat on.
        """
        self._process = replace(self._process, channels=channels, secrets=tuple(secrets))

    async def beat(self) -> None:
        """Write a heartbeat before all waiting writers. Raises Temporary."""
        await self._store.write_first(self._write)
        self._compare_clocks()

    async def run(self) -> None:
        """Write a heartbeat every BEAT_EVERY_S seconds until cancelled."""
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            await self.try_beat()

    async def try_beat(self) -> None:
        """Write a heartbeat; log a Temporary error."""
        try:
            await self.beat()
        except Temporary as error:
            log.warning("the heartbeat could not be written", reason=str(error))

    def _write(self, transaction: Transaction) -> None:
        if self._store.is_shared:
            heartbeats.read_clock(transaction, self._store.clock)
        heartbeats.beat(transaction, self._process, self._clock())

    def _compare_clocks(self) -> None:
        """Log once that this machine's clock is wrong, and once that it is right again."""
        clock = self._store.clock
        self._metrics.clock_offset.set(clock.offset_s)
        if clock.is_off and not self._was_wrong:
            log.warning(f"{clock.comparison}; the database's counts here, but set this one right")
        elif self._was_wrong and not clock.is_off:
            log.info("the clock of this machine is right again")
        self._was_wrong = clock.is_off
