"""The other end of a connection, byte by byte: for answers that no well-behaved server gives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from service.circleci.api.client import Client, connect
from service.circleci.circleci import CircleCI
from service.circleci.times import now_utc
from service.metrics import Metrics

TOKEN = "an-invented-token"
Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class End:
    """A server on loopback that reads the head of each request and then does as its script says.

    heads   of the requests, in order
    """

    def __init__(self, script: Script) -> None:
        self.heads: list[bytes] = []
        self.address = ""
        self._script = script
        self._serving: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._script(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["End"]:
        """Take connections while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()


@asynccontextmanager
async def circleci_at(script: Script) -> AsyncIterator[tuple[CircleCI, End]]:
    """A source whose CircleCI does as a script says."""
    async with End(script).listening() as end:
        circleci = CircleCI(secrets=[], url=end.address, token=TOKEN, metrics=Metrics())
        try:
            yield circleci, end
        finally:
            await circleci.close()


@asynccontextmanager
async def client_at(script: Script, *, timeout_s: float) -> AsyncIterator[Client]:
    """The same for the client alone, whose patience is short."""
    async with End(script).listening() as end:
        http = connect(end.address, TOKEN, None)
        assert http is not None
        async with http:
            yield Client(http, metrics=Metrics(), clock=now_utc, timeout_s=timeout_s)


def answer(body: bytes, *, status: str = "200 OK", **headers: str) -> Script:
    """A whole answer; names of headers are written with underscores."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{named}content-length: {len(body)}\r\n\r\n".encode() + body)

    return write


def endless(beginning: bytes, chunk: bytes, *, pause_s: float = 0) -> Script:
    """A beginning, and then the same piece again and again until the other side hangs up."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return write
