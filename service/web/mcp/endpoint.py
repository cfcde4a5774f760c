"""The endpoint /mcp: streamable HTTP without sessions, for programs that read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.db.database import Store
from service.errors import Temporary
from service.web.auth.access import Access
from service.web.mcp.server import make_server

PATH = "/mcp"
MAX_BODY_BYTES = 64 * 2**10
MAX_AT_ONCE = 8
REQUEST_TIMEOUT_S = 20.0


class McpEndpoint:
    """Answers posts of JSON-RPC, each by itself, a few at once."""

    max_at_once = MAX_AT_ONCE

    def __init__(self, store: Store, access: Access, clock: Callable[[], datetime]) -> None:
        self._access = access
        self._server = make_server(store, clock)
        self._manager: StreamableHTTPSessionManager | None = None
        self._open = 0

    def routes(self) -> list[BaseRoute]:
        """Return the route of the endpoint."""
        return [Route(PATH, self, include_in_schema=False)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while the block runs."""
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one post.

        Raises Unauthorized, TooManyGuesses, Forbidden, or Temporary for one too many.
        """
        self._access.require_token_to_read(Request(scope))
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        if self._manager is None or self._open >= self.max_at_once:
            raise Temporary(f"{self.max_at_once} questions are being answered; ask again", retry_after_s=1)
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._manager.handle_request(scope, receive, send)
        except TimeoutError as error:
            raise Temporary("the answer took too long; ask for less") from error
        finally:
            self._open -= 1
