"""Connections to Postgres: each end notices soon that the other one is gone."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from service.clock import DatabaseClock, now_utc
from service.db.database import Store
from service.db.tables import Transaction
from tests.support.app_fixture import SETTLED_WITHIN_S, a_moment
from tests.support.databases import Database
from tests.support.queue_fixture import Work

pytestmark = pytest.mark.databases("postgres")

NOTICED = {
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def connections_to(port: int) -> Iterator[tuple[int, ...]]:
    """What the kernel was asked to notice on each connection of this process that leads to a port.

    Whether it looks at all; after how many silent seconds, how often, how many times; and for how many milliseconds it
    waits until what was sent has arrived.
    """
    asked = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.fromfd(int(file.name), socket.AF_INET, socket.SOCK_STREAM) as end:
            if end.getpeername()[1:2] == (port,):
                looks = end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                yield (looks, *(end.getsockopt(socket.IPPROTO_TCP, what) for what in asked))


async def test_a_server_that_is_gone_without_a_word_is_noticed_by_store_and_engine(
    work: Work, database: Database
) -> None:
    port = int(make_url(database.url).port or 0)
    found: list[tuple[int, ...]] = []
    async with asyncio.timeout(SETTLED_WITHIN_S), work.running():
        await work.store.read(lambda _: None)
        while len(found) < 3:  # one of the store's, and of the engine's one to work with and one to listen
            found = list(connections_to(port))
            await a_moment()

    assert set(found) == {(1, 10, 5, 3, 15_000)}


async def test_the_server_notices_one_of_us_that_is_gone_without_a_word(database: Database) -> None:
    store = Store(database.url)

    def look(transaction: Transaction) -> dict[str, str]:
        return {name: str(transaction.execute(text(f"SHOW {name}")).scalar()) for name in NOTICED}

    assert await store.write(look) == NOTICED
    await store.close()


@pytest.mark.parametrize("way", ["read", "snapshot", "write", "write_statement"])
async def test_whatever_is_done_first_has_the_server_s_time(database: Database, way: str) -> None:
    store = Store(database.url, clock=DatabaseClock(lambda: now_utc() + timedelta(minutes=12)))
    assert not store.clock.is_off

    try:
        ahead = await getattr(store, way)(lambda _: store.clock() - now_utc())
    finally:
        await store.close()

    assert abs(ahead) < timedelta(seconds=60)
    assert store.clock.is_off
