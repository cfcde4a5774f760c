"""Two whole Roundsmans on one Postgres, in this process: each with a door and a worker, and one channel for both."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from service.app.service import Service, build
from service.clock import now_utc
from service.config.configuration import load
from service.pipeline.context import RetryPolicy
from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.payloads import Payload, as_bytes
from tests.support import fake_servers
from tests.support.app_fixture import SETTLED_WITHIN_S, Channels, environ, signature
from tests.support.operator_client import Operator

HASTY = RetryPolicy(min_pause=timedelta(seconds=0.1), max_pause=timedelta(seconds=0.2), jitter=lambda: 0.5)
TELL = """\
receivers:
  web:
    channels: ["{channel}"]
routes:
  - match: {{status: [failed, canceled]}}
    receiver: web
"""
UNSETTLED = (
    "SELECT id FROM deliveries WHERE state = 'kept' UNION ALL SELECT id FROM notifications WHERE state <> 'sent'"
)


@dataclass(kw_only=True)
class Twins:
    """Both services; what one does, the other finds on record."""

    services: tuple[Service, Service]
    doors: tuple[httpx.AsyncClient, httpx.AsyncClient]
    end: fake_servers.HttpEnd
    database_url: str
    changed: asyncio.Event

    async def post(self, payloads: Iterable[Payload]) -> list[str]:
        """Post to both doors in turn, all at the same time; the ids of the deliveries."""
        posts = (self._post(self.doors[nth % 2], as_bytes(payload)) for nth, payload in enumerate(payloads))
        return await asyncio.gather(*posts)

    async def _post(self, door: httpx.AsyncClient, body: bytes) -> str:
        response = await door.post("/hooks/circleci", content=body, headers={"circleci-signature": signature(body)})
        assert response.status_code == 202, response.text
        return str(response.json()["delivery"])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What is on record, read past the services."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode()).fetchall()

    async def until(self, claim: Callable[[], bool]) -> None:
        """Wait until something is so; what is so is on record, and so comes with a commit."""
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while not claim():
                await self.changed.wait()
                self.changed.clear()

    async def settled(self) -> None:
        """Wait until everything is judged and sent."""
        await self.until(lambda: not self.rows(UNSETTLED))


def pretending(service: Service) -> Service:
    """The service with channels that take every message, and send none."""
    context = replace(service.context, notifier=Channels())
    return replace(service, context=context, pipeline=Pipeline(context))


@asynccontextmanager
async def twins(
    database_url: str,
    folder: Path,
    *,
    clock: Callable[[], datetime] = now_utc,
    channel: str | None = None,
    more: str = "",
    **env: str,
) -> AsyncIterator[Twins]:
    """Two services at work on one database; CircleCI cannot be asked.

    channel   the URL of a channel that takes every message, without anything outside; default: one to ``end``
    more      of the route
    """
    async with AsyncExitStack() as stack:
        end = stack.enter_context(fake_servers.http_end())
        routes = TELL.format(channel=channel or f"json://127.0.0.1:{end.port}/web") + more
        settings = environ(folder, routes, ROUNDSMAN_DATABASE_URL=database_url, **env)
        del settings["ROUNDSMAN_CIRCLECI_TOKEN"]
        changed, doors = asyncio.Event(), []
        one, other = (build(load(settings), clock=clock, retry_policy=HASTY) for _ in range(2))
        if channel:
            one, other = pretending(one), pretending(other)
        for service in (one, other):
            service.context.store.after_commit(changed.set)
            transport = httpx.ASGITransport(service.asgi, client=("127.0.0.1", 4711))
            doors.append(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", auth=Operator()))
            await stack.enter_async_context(doors[-1])
            await stack.enter_async_context(service.running())
        yield Twins(
            services=(one, other), doors=(doors[0], doors[1]), end=end, database_url=database_url, changed=changed
        )
