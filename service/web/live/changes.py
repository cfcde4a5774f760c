"""Watch for changes while pages are open, and tell each of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from service.errors import Temporary
from service.queue.handlers import run_guarded
from service.web.server.limits import max_connections, raise_descriptor_limit

MAX_LISTENERS = 200


def max_listeners(descriptors: int | None = None) -> int:
    """Return how many pages may listen: at most a quarter of the connections.

    A stream is never closed to make room, and posts must find some.

    descriptors   files that the process may open; default: as many as the system lets it
    """
    return min(MAX_LISTENERS, max_connections(descriptors or raise_descriptor_limit()) // 4)


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """The limits of the streams of a process.

    max_listeners   open pages; more than these poll
    pause_s         between two changes that are told
    poll_s          without a wake-up: a command has none, and one may be lost
    keepalive_s     between two signs of life, so that proxies keep a stream and a client that is gone is noticed
    lifetime_s      of a stream: the page begins another, and its session is checked again
    """

    max_listeners: int = field(default_factory=max_listeners)
    pause_s: float = 0.5
    poll_s: float = 2.0
    keepalive_s: float = 20.0
    lifetime_s: float = 600.0


class Changes:
    """The changes of what pages show, for the open pages of a process.

    read_version   returns what changes with each change. Raises Temporary
    limits         see LiveLimits
    """

    def __init__(self, read_version: Callable[[], Awaitable[str]], limits: LiveLimits | None = None) -> None:
        self.limits = limits or LiveLimits()
        self._read_version = read_version
        self._version: str | None = None
        self._listeners: set[asyncio.Event] = set()
        self._woken = asyncio.Event()
        self._is_stopped = False
        self._outages = 0

    def wake(self) -> None:
        """Look for a change soon; in the thread of the event loop."""
        self._woken.set()

    def stop(self) -> None:
        """End all streams: the server stops, and must not wait for them."""
        self._is_stopped = True
        self._tell()

    @property
    def is_full(self) -> bool:
        """Return whether no further page can listen."""
        return len(self._listeners) >= self.limits.max_listeners

    async def run(self) -> None:
        """Look for changes while there are listeners, until cancelled."""
        while True:
            await self._woken.wait() if not self._listeners else await _within(self._woken, self.limits.poll_s)
            self._woken.clear()
            if self._listeners:
                await run_guarded("a look for changes", self._look())
                await asyncio.sleep(self.limits.pause_s)

    async def versions(self, seen: str) -> AsyncGenerator[str | None, None]:
        """Yield each new version, beside the one that a page has; None as a sign of life."""
        loop, changed, outages = asyncio.get_running_loop(), asyncio.Event(), self._outages
        ends_at = loop.time() + self.limits.lifetime_s
        self._listeners.add(changed)
        try:
            self.wake()  # the page may be older than the last look
            while not self._is_stopped and self._outages == outages and loop.time() < ends_at:
                is_told = await _within(changed, self.limits.keepalive_s)
                changed.clear()
                if not is_told:
                    yield None
                elif self._version is not None and self._version != seen:
                    seen = self._version
                    yield seen
        finally:
            self._listeners.discard(changed)

    async def _look(self) -> None:
        try:
            self._version = await self._read_version()
        except Temporary:
            self._outages += 1  # ends the streams: a page that hears nothing must ask, and say that it may be old
            raise
        finally:
            self._tell()

    def _tell(self) -> None:
        for changed in self._listeners:
            changed.set()


async def as_event_stream(changes: Changes, seen: str) -> AsyncIterator[bytes]:
    """Return the versions as server-sent events, each with itself as its id.

    The ids are of the characters of cursors, digits and full stops: none ends a line.
    """
    yield b"retry: 2000\n\n"
    async with aclosing(changes.versions(seen)) as versions:
        async for version in versions:
            yield b": still here\n\n" if version is None else f"id: {version}\ndata: changed\n\n".encode()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Return whether an event came within a time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
