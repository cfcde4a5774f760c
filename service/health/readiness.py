"""Whether the database can be written and a worker lives: looked at once for all who ask."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from service.clock import Clock
from service.db.database import Store
from service.db.migrate import is_workable, newest_revision, revision
from service.errors import BadConfig, Temporary
from service.health.cached import Cached
from service.health.heartbeat import Heartbeat
from service.model import Backlog, Role
from service.operations.json_shapes import rfc3339
from service.queue.base import LIVES, Jobs
from service.store import dead_counts, heartbeats

CHECK_TIMEOUT_S = 5.0  # Prometheus waits 10 s, and half of that is enough to know that a database is away
CACHE_FOR_S = 1.0
RECEIVING = tuple(role for role in Role if role.receives)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a look found: ``ok``, or what is wrong.

    inside   what strangers must not read, for the log
    """

    sentence: str = "ok"
    inside: str | None = None

    @property
    def is_ok(self) -> bool:
        """Nothing is wrong."""
        return self.sentence == "ok"


@dataclass(frozen=True, kw_only=True)
class DatabaseStats:
    """How things stand in the tables, true of all processes together.

    worker_silent_s   for how long no worker has looked for work; None: none ever did
    """

    backlog: Backlog
    worker_silent_s: float | None
    last_look_s: float
    waiting: Mapping[str, int]


class Readiness:
    """Looks at the database and at the worker, for however many ask: at most once a second each.

    Anybody may ask, and what they ask costs a write: so those who wait share one look, and none takes the worker's
    turns.
    """

    def __init__(
        self, store: Store, jobs: Jobs, *, heartbeat: Heartbeat, clock: Clock, cache_for_s: float = CACHE_FOR_S
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._heartbeat = heartbeat
        self._clock = clock
        looks = {"database": self._database, "worker": self._worker}
        self._looks = {name: Cached(look, cache_for_s=cache_for_s) for name, look in looks.items()}
        self._tables = Cached(self._query_database, cache_for_s=cache_for_s)

    @property
    def names(self) -> Collection[str]:
        """The names of the checks."""
        return self._looks.keys()

    async def check(self, name: str) -> Check:
        """Return what the latest look found, within a few seconds."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await self._looks[name]()
        except TimeoutError:
            return Check(sentence=f"the database has not answered for {CHECK_TIMEOUT_S:g} s")

    async def problem(self) -> str | None:
        """Return what is wrong with any part, on whichever machine; None when posts are kept and people are told."""
        checks = [await self.check(name) for name in self.names]
        wrong = [check.inside or check.sentence for check in checks if not check.is_ok]
        return wrong[0] if wrong else await self._receiver()

    async def _receiver(self) -> str | None:
        try:
            last = await self._store.read(heartbeats.latest, RECEIVING)
        except Temporary as error:
            return str(error)
        if last is not None and self._clock() - last < LIVES:
            return None
        return f"no process that receives has been alive since {rfc3339(last) if last else 'the start'}"

    async def tables(self) -> DatabaseStats | None:
        """Return how things stand in the tables; None when they cannot be read within a few seconds."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await self._tables()
        except (Temporary, TimeoutError):
            return None

    async def _database(self) -> Check:
        try:
            at = await revision(self._store)
            if is_workable(at):
                await self._heartbeat.beat()  # where nothing can be written nothing is kept, though reading may go on
                return Check()
        except Temporary as error:
            return Check(sentence=error.sentence, inside=str(error))
        except BadConfig as error:
            return Check(sentence=str(error))
        is_at = f"the schema is at {at}, not {newest_revision()}" if at else "there is no schema yet"
        return Check(sentence=f"{is_at}: run `roundsman migrate`")

    async def _worker(self) -> Check:
        try:
            last = await self._jobs.last_look_at()
        except Temporary as error:
            return Check(sentence="this cannot be told while the database is away", inside=str(error))
        if last is not None and self._clock() - last < LIVES:
            return Check()
        return Check(sentence=f"the worker has not looked for work since {rfc3339(last) if last else 'the start'}")

    async def _query_database(self) -> DatabaseStats:
        backlog, last = await self._jobs.backlog(), await self._jobs.last_look_at()
        return DatabaseStats(
            backlog=backlog,
            worker_silent_s=(self._clock() - last).total_seconds() if last else None,
            last_look_s=last.timestamp() if last else 0,
            waiting=await self._store.read(dead_counts.dead_letters),
        )
