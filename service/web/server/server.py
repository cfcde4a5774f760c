"""Run the HTTP server: listening socket, server life time, event loop, signals."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from ipaddress import ip_network
from typing import Any, cast

import structlog
import uvicorn
from starlette.applications import Starlette

from service.errors import BadConfig, Temporary
from service.web.server.connections import Connections
from service.web.server.limits import MAX_CONNECTIONS, Limits, max_connections, raise_descriptor_limit
from service.web.server.protocol import BoundedProtocol
from service.web.server.proxies import Network, TrustedProxies

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))
LISTEN_BACKLOG = 1024
SHUTDOWN_GRACE_S = 5

log = structlog.get_logger()


class _EmbeddedServer(uvicorn.Server):
    """A uvicorn server that handles no signals.

    One process may have several servers, and its worker has to stop before them.
    """

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def on_tick(self, counter: int) -> bool:
        """Check the time limits of all connections, ten times a second."""
        self._connections.check_all(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(
    host: str, port: int, *, next_step: str = "set ROUNDSMAN_HOST and ROUNDSMAN_PORT to an address that is free"
) -> socket.socket:
    """Return a listening socket; from now on early clients wait and are not refused.

    next_step   ends the message of an error

    Raises Temporary when another process has the port or the address does not exist yet, else BadConfig.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG)
        # a response is written in two pieces, and the second must not wait until the client acknowledges the first
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # Python repeats the address here
        problem = f"cannot listen on {host} port {port}: {reason}"
        passes = error.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}
        raise (Temporary if passes else BadConfig)(f"{problem}; {next_step}") from error


def listener_url(listener: socket.socket) -> str:
    """Return the URL of a listening socket, such as ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def find_limits() -> Limits:
    """Return limits with as many connections as the open-files limit allows."""
    connections = max_connections(raise_descriptor_limit())
    if shortage := connection_shortage():
        log.warning("few connections are possible", connections=connections, reason=shortage)
    return Limits(max_connections=connections)


def connection_shortage() -> str | None:
    """Return the reason why few connections are possible; None if there can be enough.

    The limit of this process is raised as far as it may.
    """
    descriptors = raise_descriptor_limit()
    if max_connections(descriptors) >= MAX_CONNECTIONS:
        return None
    return f"this process may open {descriptors} files; let it open more (ulimit -n, LimitNOFILE)"


@asynccontextmanager
async def serving(
    app: Starlette,
    listener: socket.socket,
    *,
    trusted_proxies: Sequence[Network] = LOOPBACK,
    limits: Limits | None = None,
    on_refusal: Callable[[str], object] = lambda _limit: None,
) -> AsyncIterator[str]:
    """Serve an app on a listening socket while the block runs; yield its URL.

    on_refusal   called with the limit, ``all`` or ``client``, whenever a connection is refused

    A server that fails cancels the block too: a process without a server would look as if no build ever failed.
    gc.freeze() excludes start-up objects from garbage collection; a full collection would pause requests for about
    100 ms.
    """
    connections = Connections(limits or find_limits(), TrustedProxies(trusted_proxies), on_refusal)
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, all_connections=connections)),
        proxy_headers=False,  # uvicorn would believe the proxies that its own environment variable names
        timeout_keep_alive=connections.limits.idle_timeout_s,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
    server = _EmbeddedServer(config, connections)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    if block := asyncio.current_task():
        running.add_done_callback(lambda _: server.should_exit or block.cancel())
    gc.freeze()
    try:
        yield listener_url(listener)
    finally:
        gc.unfreeze()
        server.should_exit = True
        await running


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on the fastest event loop available.

    Uvicorn chooses the loop only where it starts the loop itself, so its choice is asked for here.
    """
    uvicorn_config = uvicorn.Config("", log_config=None)  # or its lines would not have our format
    with asyncio.Runner(loop_factory=uvicorn_config.get_loop_factory()) as runner:
        runner.run(main)


def shutdown_event() -> asyncio.Event:
    """Return an event that SIGTERM or Ctrl-C sets; a second one ends the process."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        event.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    return event
