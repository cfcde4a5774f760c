"""Uvicorn's HTTP protocol with limits on size, time and pipelining."""

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from math import inf
from typing import Any, cast

import httptools
from starlette.datastructures import MutableHeaders
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from service.web.private_responses import set_private_headers
from service.web.server.connections import Connections
from service.web.server.head import HeadCounter, RequestRefused
from service.web.server.proxies import PEER, limit_key
from service.web.server.transport import LingeringTransport

PIECE_BYTES = 16_384  # fed to the parser at a time: limits are checked between two pieces
FRAMING_PER_BYTE = 8  # a chunk of one byte has five around it
SCHEMES = {b"http": "http", b"https": "https"}


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP connection with limits.

    Three facts make its state: whether the parser is within a body, whether it has begun a message, and how many
    requests are unanswered. ``_begin_state`` sets the time limit of each state.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        all_connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.client_addresses: list[str] = []
        self._all_connections = all_connections
        self._limits = all_connections.limits
        self._head = HeadCounter(self._limits)
        self._lingering: LingeringTransport
        self._is_peer_trusted = False
        self._is_in_body = self._has_begun = self._is_idle = self._ignores_input = False
        self._unanswered = 0
        self._raw_bytes = self._framing_bytes = self._pipelined_bytes = 0
        self._sent_bytes, self._sent_at = 0, inf
        self._state_since, self._deadline = 0.0, inf

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection, or refuse it with status 503."""
        self._lingering = LingeringTransport(cast("asyncio.Transport", transport), self._limits)
        super().connection_made(self._lingering)
        peer = self.client[0] if self.client else ""
        self._is_peer_trusted = self._all_connections.proxies.trusts(peer)
        self._begin_state()
        if not self._all_connections.admit(self, None if self._is_peer_trusted else limit_key(peer)):
            self.connections.discard(self)
            self._answer(RequestRefused(503, "there are too many connections; try again soon"))
            self._lingering.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._lingering.cancel_timer()
        self._all_connections.release(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close without lingering unless a request is being answered: the server stops."""
        if not self._unanswered:
            self._lingering.is_mid_request = False
        super().shutdown()

    def eviction_priority(self) -> tuple[int, float] | None:
        """Return a sort key, the first to evict first; None while a request is answered."""
        if self._lingering.is_closing() or self._lingering.is_writing:
            return (0, self._state_since)
        if self._unanswered:
            return (3, self._state_since) if self._is_in_body and self._unanswered == 1 else None
        return (2 if self._is_idle else 1, self._state_since)

    def evict(self) -> None:
        """Close at once."""
        self.connections.discard(self)
        self._lingering.abort()

    # Time.

    def check(self, now: float) -> None:
        """Close the connection if a time limit of its state has passed."""
        self._check_write_progress(now)
        if now < self._deadline or self._lingering.is_closing():
            return
        if self._is_in_body:
            self._refuse(RequestRefused(408, "the body of the request did not arrive in time"))
        elif self._has_begun:
            self._refuse(RequestRefused(408, "the head of the request did not arrive in time"))
        else:
            self._lingering.close()

    def _check_write_progress(self, now: float) -> None:
        """Close the connection when its client does not read the response."""
        if not self._lingering.is_writing:
            self._sent_at = inf
            return
        sent = self._lingering.sent_bytes
        if self._sent_at == inf or sent >= self._sent_bytes + self._limits.min_sent_bytes:
            self._sent_bytes, self._sent_at = sent, now
        elif now - self._sent_at >= self._limits.stall_timeout_s:
            self._warn("a client does not read its answer")
            self._lingering.abort()

    def _begin_state(self) -> None:
        """Set the time limit of a new state; answering a request has none."""
        self._state_since = now = self.loop.time()
        if self._is_in_body:
            self._deadline = now + (self._limits.body_timeout_s if self._unanswered else self._limits.linger_s)
        elif self._unanswered or self._is_idle:
            self._deadline = inf  # uvicorn closes idle connections
        else:
            self._deadline = now + self._limits.head_timeout_s

    def _start_idle_timeout(self) -> None:
        self._is_idle = True
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self._limits.idle_timeout_s, self.timeout_keep_alive_handler
        )

    # Bytes.

    def data_received(self, data: bytes) -> None:
        """Parse the bytes received."""
        if self._ignores_input or self._lingering.is_closing() or (self._is_in_body and not self._unanswered):
            self._lingering.discard(len(data))
        if self._ignores_input or self._lingering.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._is_idle:
            self._is_idle = False
            self._begin_state()
        try:
            for piece in _pieces(data):
                self._feed(piece)
        except httptools.HttpParserUpgrade:
            self._close_after_answers()  # the rest is not HTTP, or the body of a request that seemed complete
        except RequestRefused as refused:
            self._refuse(refused)
        except httptools.HttpParserError as error:
            self._refuse(_to_refusal(error))

    def _feed(self, piece: bytes | memoryview) -> None:
        """Parse a piece and check the sizes. Raises RequestRefused, or a parser error."""
        if self._ignores_input or self._lingering.is_closing():
            return
        self._raw_bytes += len(piece)
        self._framing_bytes += len(piece)
        self.parser.feed_data(piece)
        if max(self._raw_bytes, self._framing_bytes) > self._limits.max_head_bytes + PIECE_BYTES:
            framing = RequestRefused(400, "the chunks of the body have too much around them")
            raise framing if self._is_in_body else self._head.too_large()
        self._pipelined_bytes = self._pipelined_bytes + len(piece) if self.pipeline else 0
        if self._pipelined_bytes > self._limits.max_head_bytes:
            self._close_after_answers()

    def _refuse(self, refused: RequestRefused) -> None:
        """Answer a request that is not served, and close.

        Earlier requests are answered first, and then this one is dropped.
        """
        is_reading = self._unanswered == 1 and self._is_in_body and not self.cycle.response_started
        if self._unanswered and not is_reading:
            self._close_after_answers()
            return
        self._warn("a request is refused", status=refused.status, reason=refused.sentence)
        if is_reading:  # the endpoint that reads the body sees a disconnect
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if is_reading or not self._is_in_body:
            self._answer(refused)
        self._lingering.is_mid_request = True  # more of it may be on its way
        self._lingering.close()

    def _answer(self, refused: RequestRefused) -> None:
        body = json.dumps({"error": refused.sentence}).encode()
        headers = MutableHeaders(raw=[*self.server_state.default_headers, (b"content-type", b"application/json")])
        headers.update({"content-length": str(len(body)), "connection": "close"})
        if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = "10"
        set_private_headers(headers)
        head = b"".join(name + b": " + value + b"\r\n" for name, value in headers.raw)
        self._lingering.write(STATUS_LINE[refused.status] + head + b"\r\n" + body)

    def _close_after_answers(self) -> None:
        """Stop reading; close as soon as every complete request is answered."""
        self._ignores_input = self._lingering.is_mid_request = True
        if self._is_in_body and self.pipeline:
            self.pipeline.popleft()
            self._unanswered -= 1
        elif not self._is_in_body and self._unanswered:
            self.cycle.keep_alive = False
        if not self._unanswered:
            self._lingering.close()

    def _warn(self, event: str, **facts: object) -> None:
        self._all_connections.warn(event, client=self.client[0] if self.client else None, **facts)

    # Parser callbacks.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._has_begun = self._lingering.is_mid_request = True
        self._head.reset()

    def on_url(self, url: bytes) -> None:
        """Add a piece of the URL. Raises RequestRefused."""
        self._head.add_url(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; a trailer is counted and dropped. Raises RequestRefused."""
        self._head.add_header(len(name) + len(value))
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve the request, or queue it behind earlier ones. Raises RequestRefused."""
        self._head.check(self.parser.get_http_version(), self.headers)
        if self._unanswered > self._limits.max_pipelined:
            raise RequestRefused(503, "too many requests are sent ahead")
        self._raw_bytes = self._framing_bytes = 0
        served = self.app
        if self._is_peer_trusted and not self._find_client():
            self.app = service_unavailable
        try:
            super().on_headers_complete()
        finally:
            self.app = served
        self._is_in_body = True
        self._unanswered += 1
        self._begin_state()

    def _find_client(self) -> bool:
        """Set the client that a trusted proxy names; False when it is over its limit."""
        forwarded = [value for name, value in self.headers if name == b"x-forwarded-for"]
        for name, value in self.headers:
            if name == b"x-forwarded-proto" and value in SCHEMES:
                self.scope["scheme"] = SCHEMES[value]
        if not forwarded or self.client is None:
            return True
        client = self._all_connections.proxies.find_client(self.client[0], forwarded)
        cast("dict[str, Any]", self.scope)[PEER] = self.client[0]
        self.scope["client"] = (client, 0)
        return self._all_connections.proxies.trusts(client) or self._all_connections.count(self, limit_key(client))

    def on_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        self._raw_bytes = 0
        self._framing_bytes -= (1 + FRAMING_PER_BYTE) * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Mark the request as read."""
        super().on_message_complete()
        self._is_in_body = self._has_begun = self._lingering.is_mid_request = False
        self._raw_bytes = self._framing_bytes = 0
        if not self._unanswered:  # the response was complete before the request
            self._start_idle_timeout()
        self._begin_state()

    def on_response_complete(self) -> None:
        """Mark a request as answered; serve the next one, or become idle."""
        self._unanswered -= 1
        if self._is_peer_trusted:
            self._all_connections.uncount(self)
        super().on_response_complete()
        if self._ignores_input and not self._unanswered:
            self._lingering.close()
        self._is_idle = not (self._unanswered or self._has_begun)
        self._begin_state()


def _pieces(data: bytes) -> Iterator[bytes | memoryview]:
    if len(data) <= PIECE_BYTES:
        yield data
        return
    whole = memoryview(data)
    for place in range(0, len(data), PIECE_BYTES):
        yield whole[place : place + PIECE_BYTES]


def _to_refusal(error: httptools.HttpParserError) -> RequestRefused:
    """Return the refusal for a parser error; re-raise a cause that is our own fault."""
    cause = error.__context__
    if isinstance(cause, RequestRefused):
        return cause
    if cause is None or isinstance(cause, httptools.HttpParserError | ValueError):
        return RequestRefused(400, "this is no HTTP request as RFC 9112 has it")
    raise cause
