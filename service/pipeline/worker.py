"""The worker on the rows: batches of decisions, and fetches.

The rows are the queue. A wake-up makes the worker look at once; polling finds what no wake-up told of.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import structlog

from service.db.tables import Transaction
from service.errors import Temporary
from service.model import Fetch, FetchPurpose
from service.pipeline.judgment.backfill import fill_in_history
from service.pipeline.process import Batch
from service.pipeline.receive import GroupCommitter
from service.pipeline.steps import Pipeline
from service.queue.handlers import run_guarded
from service.store.deliveries import deliveries
from service.store.events import fetches

AWAITED = frozenset({FetchPurpose.DECISION, FetchPurpose.MESSAGE})  # a message waits for what these ask

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class WorkerLimits:
    """Limits of a worker; times in seconds.

    poll               between two looks without a wake-up
    retry              the pause after an error
    max_fetches        fetches of one purpose that run at a time: while CircleCI hangs, those of others still have room
    max_test_fetches   those of tests that no message needs
    max_test_wait      for which these give way to fetches that messages wait for
    burst_batch        deliveries of a batch while posts come, which on SQLite wait for its end
    lease_margin       a claim of a fetch outlasts the time limit of its calls by this
    grace              at the end, for the fetches that run
    """

    poll: float = 0.5
    retry: float = 1.0
    max_fetches: int = 16
    max_test_fetches: int = 2
    max_test_wait: float = 5.0
    burst_batch: int = 10
    lease_margin: float = 30.0
    grace: float = 10.0


class RowWorker:
    """Runs the steps whose work is rows, until it is stopped.

    committer   of the posts to this process, which go before each batch and fetch
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        committer: GroupCommitter,
        limits: WorkerLimits | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._committer = committer
        self._limits = limits or WorkerLimits()
        self._batch_size = pipeline.context.batch_limits.deliveries
        self._delivery_due = asyncio.Event()
        self._fetch_due = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._are_fetches_left = False
        self._tests_begun_at = 0.0  # by the event loop's clock
        self._running: dict[asyncio.Task[None], Fetch] = {}

    def wake(self) -> None:
        """Look for deliveries at once: one is due; from any thread."""
        if (loop := self._loop) is not None:  # read once: another thread may end it
            loop.call_soon_threadsafe(self._delivery_due.set)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True
        self._delivery_due.set()
        self._fetch_due.set()

    async def run(self) -> None:
        """Work until ``stop``, then wait for the running fetches."""
        self._loop = asyncio.get_running_loop()
        if not self._pipeline.context.store.is_shared:
            await run_guarded("the end of a killed process's claims", self._end_leases())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._decide_until_stopped())
                group.create_task(self._fetch_until_stopped())
        finally:
            self._loop = None
        await self._end_fetches()

    async def _decide_until_stopped(self) -> None:
        await self._fill_in_history()
        while not self._stopping:
            self._delivery_due.clear()
            await self.decide_due()
            await _wait_for(self._delivery_due, self._limits.poll)

    async def _fill_in_history(self) -> None:
        """Judge the runs of the history first, also after an error."""
        context = self._pipeline.context
        while not self._stopping:
            filling = fill_in_history(context, is_stopping=lambda: self._stopping)
            if await run_guarded("filling in the runs of the history", filling) is None:
                return
            await asyncio.sleep(self._limits.retry)

    async def decide_due(self) -> bool:
        """Decide on one batch of due deliveries; return whether there was any.

        It is followed by another look unless it took all that were due.
        """
        found: list[bool] = []
        error = await run_guarded("a look for deliveries", self._look_for_deliveries(found))
        if error is not None:
            await asyncio.sleep(self._limits.retry)
        if not any(found):
            return False
        is_burst = await self._committer.wait_for_idle()
        began = perf_counter()
        await self._decide_batch(self._limits.burst_batch if is_burst else self._batch_size)
        self._committer.count_work(perf_counter() - began)
        return True

    async def _look_for_deliveries(self, found: list[bool]) -> None:
        context = self._pipeline.context
        found.append(await context.store.read(deliveries.has_due, context.clock()))

    async def _decide_batch(self, limit: int) -> None:
        """Decide on a batch; after an error the next ones are smaller.

        A delivery that fails alone is put off.
        """
        began, batches = perf_counter(), list[Batch]()
        error = await run_guarded("a batch of decisions", self._process(batches, limit))
        seconds = self._pipeline.context.metrics.job_seconds
        seconds.labels("decide", _outcome(error)).observe(perf_counter() - began)
        if error is None:
            [batch] = batches
            if batch.claimed >= min(limit, self._batch_size) or batch.left:
                self._delivery_due.set()
            self._batch_size = self._pipeline.context.batch_limits.deliveries
            self._report(batch, began)
            return
        self._delivery_due.set()
        if self._batch_size == 1:
            await run_guarded("a failure's record", self._pipeline.put_off_first(error))
        self._batch_size = max(1, self._batch_size // 10)
        await asyncio.sleep(self._limits.retry)

    async def _process(self, batches: list[Batch], limit: int) -> None:
        batches.append(await self._pipeline.process(limit=min(limit, self._batch_size)))

    def _report(self, batch: Batch, began: float) -> None:
        """Log a batch, and look for fetches at once if it has requested some."""
        planned = sum(len(one.planned) for one in batch.decided)
        waiting = sum(map(len, batch.waiting.values()))
        if waiting or planned:
            self._fetch_due.set()
        if batch.claimed:
            log.info(
                "decided",
                deliveries=[str(one.event.id) for one in batch.decided],
                notifications=planned,
                waiting=waiting,
                failed=len(batch.failed),
                ms=round((perf_counter() - began) * 1000, 1),
            )

    async def _fetch_until_stopped(self) -> None:
        while not self._stopping:
            self._fetch_due.clear()
            await self.start_fetches()
            await _wait_for(self._fetch_due, self._limits.poll)

    async def start_fetches(self) -> Collection[asyncio.Task[None]]:
        """Begin due fetches, as many as there is room for; return their tasks."""
        claimed: list[Fetch] = []
        if await run_guarded("a look for fetches", self._claim_fetches(claimed)) is not None:
            await asyncio.sleep(self._limits.retry)
        tasks = {asyncio.create_task(self._pipeline.fetch(fetch)): fetch for fetch in claimed}
        self._running |= tasks
        for task in tasks:
            task.add_done_callback(self._fetch_ended)
        return list(tasks)

    def _fetch_ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if self._are_fetches_left:
            self._fetch_due.set()

    async def _claim_fetches(self, claimed: list[Fetch]) -> None:
        """Claim due fetches, those with the first claim on CircleCI first."""
        context = self._pipeline.context
        begun = Counter(fetch.purpose for fetch in self._running.values())
        self._are_fetches_left = False
        for purpose in await context.store.read(fetches.due_purposes, context.clock()):
            most = self._limits.max_test_fetches if purpose is FetchPurpose.TESTS else self._limits.max_fetches
            may_ask = purpose is not FetchPurpose.TESTS or self._may_ask_for_tests(claimed)
            room = most - begun[purpose] if may_ask else 0
            if room > 0 and await self._committer.wait_for_idle():
                room = 1
                self._fetch_due.set()
            found = await context.store.write(self._claim, purpose, room) if room > 0 else ()
            self._are_fetches_left |= len(found) >= room
            claimed += found
        if any(fetch.purpose is FetchPurpose.TESTS for fetch in claimed):
            self._tests_begun_at = asyncio.get_running_loop().time()

    def _may_ask_for_tests(self, claimed: Sequence[Fetch]) -> bool:
        """Return whether no message waits for an answer; for ever they do not give way."""
        is_awaited = any(fetch.purpose in AWAITED for fetch in (*claimed, *self._running.values()))
        waits = asyncio.get_running_loop().time() - self._tests_begun_at < self._limits.max_test_wait
        return self._pipeline.context.source.has_room and not (is_awaited and waits)

    async def _end_leases(self) -> None:
        context = self._pipeline.context
        now = context.clock()
        await context.store.write(fetches.end_leases, now=now, until=now + self._lease())

    def _claim(self, transaction: Transaction, purpose: FetchPurpose, limit: int) -> Sequence[Fetch]:
        now = self._pipeline.context.clock()
        return fetches.claim(transaction, purpose, now=now, lease_until=now + self._lease(), limit=limit)

    def _lease(self) -> timedelta:
        return 2 * self._pipeline.context.retry_policy.answer_timeout + timedelta(seconds=self._limits.lease_margin)

    async def _end_fetches(self) -> None:
        """Wait for the running fetches; give back those that take too long."""
        running = dict(self._running)
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._limits.grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await run_guarded("the return of fetches", self._give_back([running[task] for task in late]))

    async def _give_back(self, late: Sequence[Fetch]) -> None:
        context = self._pipeline.context
        for fetch in late:
            await context.store.write(fetches.put_off, fetch, until=context.clock())


def _outcome(error: Exception | None) -> str:
    if error is None:
        return "done"
    return "put_off" if isinstance(error, Temporary) else "failed"


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
