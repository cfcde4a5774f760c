"""Log one line for each request, with its id: our own, or the client's."""

import asyncio
import re
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from service.metrics import Metrics

REQUEST_ID = "X-Request-Id"
RAW_REQUEST_ID = REQUEST_ID.lower().encode()
REQUEST_ID_PATTERN = re.compile(r"[\w.:+/=-]{1,64}", re.ASCII)  # other values of the header do not get into our log
QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics", "/live"})  # logged only on errors

log = structlog.get_logger()


class RequestLog:
    """Counts requests, and logs a line for each with its id, status and duration.

    An endpoint adds to the line through the dictionary ``request.state.facts``. Its key ``event`` replaces the event
    name ``request``.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lines: list[dict[str, Any]] = []

    def begin(self, scope: Scope, given_id: str, own_id: UUID, facts: dict[str, Any]) -> str:
        """Set the state of a request, and return its id: the client's, or else ours."""
        request_id = given_id if REQUEST_ID_PATTERN.fullmatch(given_id) else own_id.hex
        scope.setdefault("state", {}).update(request_id=request_id, facts=facts)
        return request_id

    def write(self, scope: Scope, status: int, took_s: float) -> None:
        """Count a request that has ended, and log its line."""
        if line := self._end(scope, status, took_s):
            _log(line)

    async def write_together(self, scope: Scope, status: int, took_s: float) -> None:
        """Do as ``write`` does, for all requests that end in one round of the event loop.

        One line after the other takes a quarter of the time that each takes amid the work on a request.
        """
        if line := self._end(scope, status, took_s):
            if not self._lines:
                asyncio.get_running_loop().call_soon(self._write_lines)
            self._lines.append(line)
            await asyncio.sleep(0)  # until the lines are written

    def _write_lines(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            _log(line)

    def _end(self, scope: Scope, status: int, took_s: float) -> dict[str, Any] | None:
        """Count a request that has ended, and return its line, if it gets one."""
        route = getattr(scope.get("route"), "path", "none")  # none: no route has that path
        self._metrics.request_seconds.labels(route).observe(took_s)
        if route in QUIET_ROUTES and status < 500:
            return None
        line = {"event": "request", "request": scope["state"]["request_id"], "method": scope["method"], "route": route}
        return line | {"status": status, **scope["state"]["facts"], "ms": round(took_s * 1000, 1)}


def _log(line: dict[str, Any]) -> None:
    write = log.warning if line["status"] >= 500 else log.info
    write(**line)


class RequestLogMiddleware:
    """Middleware: logs each request, and gives it its id."""

    def __init__(self, app: ASGIApp, *, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        # an unexpected error gets its response, of this status, outside of this middleware
        status, began = 500, perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        request_id = self._log.begin(scope, Headers(scope=scope).get(REQUEST_ID, ""), uuid4(), {})
        _drop_quoted_cookies(scope)
        bound = bind_contextvars(request=request_id)
        try:
            await self._app(scope, receive, answer)
            reset_contextvars(**bound)  # not after an error: the server has yet to log its own line about it
        finally:
            self._log.write(scope, status, perf_counter() - began)


def _drop_quoted_cookies(scope: Scope) -> None:
    """Remove cookies with a quoted value before they are parsed; ours never have one.

    On a Python with CVE-2024-7592, the time to unquote one grows with the square of its length.
    """
    headers = scope["headers"]
    if any(name == b"cookie" and b'"' in value for name, value in headers):
        scope["headers"] = [(name, _unquoted(value) if name == b"cookie" else value) for name, value in headers]


def _unquoted(cookies: bytes) -> bytes:
    return b";".join(cookie for cookie in cookies.split(b";") if b'"' not in cookie)
