"""A client that writes bytes as no library would, and what a server of ours answers to them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.web.server.limits import Limits
from service.web.server.proxies import Network
from service.web.server.server import LOOPBACK, listen, serving

PATIENCE_S = 120  # only a test that has gone wrong waits for this long
HOST = b"Host: roundsman.example.com\r\n"
LARGE = b"x" * 16 * 2**20
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


async def echo(request: Request) -> Response:
    """Answer with what was understood of a request, its body read to the end."""
    body = await request.body()
    return JSONResponse(
        {
            "body_bytes": len(body),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
        }
    )


async def unread(_request: Request) -> Response:
    """Answer without reading the body."""
    return JSONResponse({"read": False}, status_code=401, headers={"Connection": "close"})


async def large(_request: Request) -> Response:
    """Answer with more than any buffer of a system holds."""
    return Response(LARGE)


ECHO = Starlette(
    routes=[
        Route("/", echo, methods=["GET", "POST"]),
        Route("/unread", unread, methods=["POST"]),
        Route("/large", large),
    ]
)


@dataclass(kw_only=True)
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write, as far as the other side takes it."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass  # what it said before it closed is what counts

    async def rest(self) -> bytes:
        """Return everything until the other side closes."""
        read = b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while piece := await self.reader.read(65_536):
                    read += piece
        except ConnectionError:
            pass
        return read

    async def answer(self) -> tuple[int, bytes]:
        """Return the status and body of the next answer."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            return int(head.split()[1]), await self.reader.readexactly(int(length.split(b":")[1]))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Wire]:
    """A connection to a server."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Wire(reader=reader, writer=writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def echoing(
    limits: Limits | None = None,
    *,
    trusted_proxies: tuple[Network, ...] = LOOPBACK,
    app: Starlette = ECHO,
    on_refusal: Callable[[str], object] = lambda _limit: None,
) -> AsyncIterator[str]:
    """A server that answers with what it understood."""
    listener = listen("127.0.0.1", 0)
    async with serving(app, listener, trusted_proxies=trusted_proxies, limits=limits, on_refusal=on_refusal) as url:
        yield url


async def exchange(url: str, data: bytes) -> bytes:
    """Write to a connection of its own, and return everything that is answered until it is closed."""
    async with connected(url) as wire:
        writing = asyncio.create_task(wire.send(data))
        read = await wire.rest()
        writing.cancel()
        return read


def statuses(answers: bytes) -> list[int]:
    """The statuses of all answers, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]
