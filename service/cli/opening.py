"""The store as commands open it: beside a running service, or alone."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from service.app import job_engine, now_utc
from service.config import load_settings
from service.errors import BadConfig
from service.jobs import Jobs
from service.store import Store, database_file, holder, newest_revision, revision

BEATING = timedelta(seconds=30)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A database that is ours and up to date, and the engine that works on it elsewhere."""

    store: Store
    jobs: Jobs

    async def is_attended(self) -> bool:
        """Whether somebody is running who will do what is enqueued."""
        if self.store.file is not None:
            return holder(self.store.file.parent) is not None
        last = await self.jobs.last_look_at()
        return last is not None and now_utc() - last < BEATING


def with_store(do: Callable[[Opened], Awaitable[T]]) -> T:
    """Do something with the store. Raises BadConfig when there is none to work with."""

    async def run() -> T:
        async with _opened() as opened:
            return await do(opened)

    return asyncio.run(run())


@asynccontextmanager
async def _opened() -> AsyncIterator[Opened]:
    settings = load_settings(os.environ, serving=False)
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        raise BadConfig(f"there is no database at {file} yet; start `roundsman serve`, or set ROUNDSMAN_DATABASE_URL")
    store = Store(settings.database_url)
    try:
        if await revision(store) != newest_revision():
            raise BadConfig("the database is not of this release; start `roundsman serve`, or run `roundsman migrate`")
        yield Opened(store=store, jobs=job_engine(settings, store))
    finally:
        await store.close()
