"""A worker that begins a job and never ends it: ``python -m tests.support.crash_child URL``. Says ``begun``."""

import asyncio
import sys
from uuid import UUID

from service.clock import now_utc
from service.db.database import Store
from service.queue.procrastinate import ProcrastinateQueue
from service.queue.procrastinate_sql import ProcrastinateRows


async def begin(_subject: UUID) -> None:
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def failed(kind: str, _subject: UUID, error: Exception) -> None:
    raise AssertionError(f"{kind}: {error}")


async def work(database_url: str) -> None:
    jobs = ProcrastinateQueue(database_url, ProcrastinateRows(Store(database_url)), clock=now_utc)
    await jobs.run({"note": begin}, failed)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
