"""Check that the database can be written and that a worker is alive."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.clock import Clock
from service.db.database import Store
from service.db.revisions import is_workable, newest_revision, revision
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary
from service.health.cached import Cached
from service.health.heartbeat import Heartbeat
from service.model import Backlog, Role, Seal
from service.operations.json_shapes import rfc3339
from service.queue import lane_heads
from service.queue.base import WORKER_ALIVE_WITHIN, JobQueue
from service.store.audit import seals
from service.store.circleci import hook_states
from service.store.deliveries import dead_counts, deliveries
from service.store.events import fetches
from service.store.upkeep import alarms, heartbeats

RECEIVING_ROLES = tuple(role for role in Role if role.receives)


@dataclass(frozen=True, kw_only=True)
class CheckLimits:
    """Limits of the checks.

    timeout_s     for an answer; Prometheus gives up after 10 s, and half of it shows that a database is away
    cache_for_s   for which a result is given again
    """

    timeout_s: float = 5.0
    cache_for_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of a check.

    sentence   ``ok``, or the problem; shown without a credential
    detail     more about the problem, for the log only
    """

    sentence: str = "ok"
    detail: str | None = None

    @property
    def is_ok(self) -> bool:
        """True if the check found no problem."""
        return self.sentence == "ok"


@dataclass(frozen=True, kw_only=True)
class DatabaseStats:
    """Figures from the database, for all processes together.

    worker_silent_s   seconds since any worker last polled for jobs; None: none ever did
    last_poll_s       the time of that poll in Unix time; 0: none
    dead_letters      their number by kind
    seal              the newest of the audit chain
    alarms            the number of those that are open, by kind
    last_secrets      the fingerprint of the secret of each project's last delivery
    """

    backlog: Backlog
    worker_silent_s: float | None
    last_poll_s: float
    dead_letters: Mapping[str, int]
    seal: Seal | None
    last_secrets: Sequence[str] = ()
    alarms: Mapping[str, int] = field(default_factory=dict)


class Readiness:
    """Checks the database and the worker, each at most once a second.

    These endpoints need no credential, and a check costs a write: so concurrent requests share one check, and none
    takes a database slot from the worker.
    """

    def __init__(
        self, store: Store, jobs: JobQueue, *, heartbeat: Heartbeat, clock: Clock, limits: CheckLimits | None = None
    ) -> None:
        limits = limits or CheckLimits()
        self._store = store
        self._jobs = jobs
        self._heartbeat = heartbeat
        self._clock = clock
        self._timeout_s = limits.timeout_s
        checks = {"database": self._check_database, "worker": self._check_worker}
        self._checks = {name: Cached(check, cache_for_s=limits.cache_for_s) for name, check in checks.items()}
        self._database_stats = Cached(self._query_database, cache_for_s=limits.cache_for_s)

    @property
    def names(self) -> Collection[str]:
        """The names of the checks: database and worker."""
        return self._checks.keys()

    async def check(self, name: str) -> Check:
        """Return the latest result of a check, in limited time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._checks[name]()
        except TimeoutError:
            return Check(sentence=f"the database has not answered for {self._timeout_s:g} s")

    async def problem(self) -> str | None:
        """Return the first problem of any process or machine; None if all is well."""
        checks = [await self.check(name) for name in self.names]
        wrong = [check.detail or check.sentence for check in checks if not check.is_ok]
        return wrong[0] if wrong else await self._check_receiver()

    async def _check_receiver(self) -> str | None:
        try:
            last = await self._store.read(heartbeats.latest, RECEIVING_ROLES)
        except Temporary as error:
            return str(error)
        if last is not None and self._clock() - last < WORKER_ALIVE_WITHIN:
            return None
        return f"no process that receives has been alive since {rfc3339(last) if last else 'the start'}"

    async def database_stats(self) -> DatabaseStats | None:
        """Return the figures; None when they cannot be read in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._database_stats()
        except (Temporary, TimeoutError):
            return None

    async def _check_database(self) -> Check:
        try:
            at = await revision(self._store)
            if is_workable(at):
                await self._heartbeat.beat()  # a database that can be read but not written stores no post
                return Check()
        except Temporary as error:
            return Check(sentence=error.sentence, detail=str(error))
        except BadConfig as error:
            return Check(sentence=str(error))
        is_at = f"the schema is at {at}, not {newest_revision()}" if at else "there is no schema yet"
        return Check(sentence=f"{is_at}: run `roundsman migrate`")

    async def _check_worker(self) -> Check:
        try:
            last = await self._jobs.last_heartbeat()
        except Temporary as error:
            return Check(sentence="this cannot be told while the database is away", detail=str(error))
        if last is not None and self._clock() - last < WORKER_ALIVE_WITHIN:
            return Check()
        return Check(sentence=f"the worker has not looked for work since {rfc3339(last) if last else 'the start'}")

    async def _query_database(self) -> DatabaseStats:
        last, now = await self._jobs.last_heartbeat(), self._clock()
        backlog, dead_letters, seal = await self._store.snapshot(_read_counts, now)
        last_secrets = await self._store.read(hook_states.last_secrets)
        return DatabaseStats(
            backlog=backlog,
            worker_silent_s=(self._clock() - last).total_seconds() if last else None,
            last_poll_s=last.timestamp() if last else 0,
            dead_letters=dead_letters,
            seal=seal,
            last_secrets=last_secrets,
            alarms=await self._store.read(alarms.count_by_kind),
        )


def _read_counts(transaction: Transaction, now: datetime) -> tuple[Backlog, Mapping[str, int], Seal | None]:
    """Return the backlog of rows, the counts of dead letters, and the newest seal."""
    rows = deliveries.backlog(transaction, now) + fetches.backlog(transaction, now)
    rows += lane_heads.backlog(transaction, now)
    return rows, dead_counts.count_dead_letters(transaction), seals.last(transaction)
