"""A TCP proxy in front of Postgres that loses answers, cuts connections, and lets them hang."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

CHUNK = 65_536
OTHERS_SHARE = 20  # of messages that are no COMMIT, so many times fewer answers are lost


@dataclass(eq=False)
class Link:
    """One connection, both halves of it; the answer that comes next may be doomed."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_doomed: bool = False

    def cut(self) -> None:
        for half in (self.client, self.server):
            half.transport.abort()


@dataclass(kw_only=True)
class Proxy:
    """All connections of a fleet; calm at first.

    lost    share of COMMITs that reach Postgres, and whose answers do not come back
    flows   cleared while nothing passes in either direction
    """

    upstream: int
    chances: Random
    port: int = 0
    lost: float = 0.0
    answers_lost: int = 0
    links: set[Link] = field(default_factory=set)
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    def calm(self) -> None:
        """Pass everything from now on."""
        self.lost = 0.0
        self.flows.set()

    def cut(self) -> None:
        """Drop every connection that is open now."""
        for link in list(self.links):
            link.cut()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:  # Postgres is away
            writer.transport.abort()
            return
        link = Link(writer, to_server)
        self.links.add(link)
        halves = [
            asyncio.ensure_future(self._ask(reader, link)),
            asyncio.ensure_future(self._answer(from_server, link)),
        ]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.links.remove(link)
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)
            link.cut()

    async def _ask(self, reader: asyncio.StreamReader, link: Link) -> None:
        with suppress(OSError):
            while said := await reader.read(CHUNK):
                await self.flows.wait()
                share = self.lost if b"COMMIT" in said else self.lost / OTHERS_SHARE
                link.is_doomed = self.chances.random() < share
                link.server.write(said)
                await link.server.drain()

    async def _answer(self, reader: asyncio.StreamReader, link: Link) -> None:
        with suppress(OSError):
            while said := await reader.read(CHUNK):
                await self.flows.wait()
                if link.is_doomed:
                    self.answers_lost += 1
                    return
                link.client.write(said)
                await link.client.drain()


@asynccontextmanager
async def a_proxy(upstream: int, chances: Random) -> AsyncIterator[Proxy]:
    """A proxy on a free port of loopback, as long as the block runs."""
    proxy = Proxy(upstream=upstream, chances=chances)
    proxy.calm()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        while proxy.links:  # noqa: ASYNC110 - each ends in a task of its own
            await asyncio.sleep(0.01)
