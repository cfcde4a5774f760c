"""POST /otlp/v1/traces: take spans, and answer as OTLP over HTTP wants it.

Source: OTLP specification 1.x, "OTLP/HTTP". A sender tries again after 429, 502, 503 and 504 alone: so a database that
is away is answered 503, and what can never be taken 400, 413 or 415.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from service.circleci.otlp.answers import Encoding, write_failure, write_success
from service.circleci.otlp.raw_span import SpanLimits
from service.db.database import Store
from service.errors import BadRequest, Rejected, Temporary, TooManyRequests
from service.metrics import Metrics
from service.store.circleci import spans
from service.web.otlp.body import Export, decode
from service.web.otlp.tokens import SpanTokens
from service.web.post import Post
from service.web.request_body import IDENTITY, BodyReader

PATHS = ("/otlp/v1/traces", "/v1/traces")
"""The second is for an exporter that was given the host alone: CircleCI appends it."""

GZIP = "gzip"
RETRY_AFTER_S = 10
MAX_WAITING = 20  # exports, while one is decoded: each has its body in memory


@dataclass(frozen=True, kw_only=True)
class SpanReceiver:
    """Takes exports with one of its tokens; answers once their spans are stored."""

    tokens: SpanTokens
    store: Store
    metrics: Metrics
    clock: Callable[[], datetime]
    body_reader: BodyReader
    limits: SpanLimits = field(default_factory=SpanLimits)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _waiting: list[int] = field(default_factory=lambda: [0], init=False)

    def routes(self) -> list[Route]:
        """Return the routes; a slash at the end passes."""
        return [
            Route(f"{path}{slash}", self.receive, methods=["POST"], include_in_schema=not slash)
            for path in PATHS
            for slash in ("", "/")
        ]

    async def receive(self, request: Request) -> Response:
        """Answer one export."""
        encoding = _encoding(request) or Encoding.JSON
        try:
            number = self.tokens.require(request)
            export = await self._read(request, _required(_encoding(request)))
            await self.store.write(spans.put, export.spans, received_at=self.clock())
        except Rejected as error:
            return self._refuse(request, encoding, error)
        except ClientDisconnect:
            self.metrics.spans.labels("not_kept").inc()
            raise
        except Temporary as error:
            return self._put_off(request, encoding, error)
        rejected = sum(export.rejected.values())
        self.metrics.spans.labels("kept").inc(len(export.spans))
        self.metrics.spans.labels("rejected").inc(rejected)
        self.metrics.span_exports.labels(str(number)).inc()
        request.state.facts |= {"event": "spans", "kept": len(export.spans), "rejected": rejected}
        if export.message:
            request.state.facts["reason"] = export.message
        return Response(write_success(encoding, rejected, export.message), media_type=encoding)

    async def _read(self, request: Request, encoding: Encoding) -> Export:
        compression = request.headers.get("content-encoding", "").strip().lower()
        post = Post(id=uuid4(), scope=request.scope, receive=request.receive)
        body = await self.body_reader.read(post, self.limits.body_bytes, encodings=IDENTITY | {GZIP})
        if self._waiting[0] >= MAX_WAITING:
            raise TooManyRequests("too many exports arrive at once", retry_after_s=RETRY_AFTER_S)
        self._waiting[0] += 1
        try:
            async with self._turn:
                is_gzip, now = compression == GZIP, self.clock()
                return await asyncio.to_thread(decode, body, encoding, is_gzip=is_gzip, limits=self.limits, now=now)
        finally:
            self._waiting[0] -= 1

    def _refuse(self, request: Request, encoding: Encoding, error: Rejected) -> Response:
        self.metrics.spans.labels("refused").inc()
        request.state.facts |= {"event": "spans", "reason": str(error)}
        body = write_failure(encoding, str(error))
        return Response(body, error.status, headers=error.headers, media_type=encoding)

    def _put_off(self, request: Request, encoding: Encoding, error: Temporary) -> Response:
        self.metrics.spans.labels("not_kept").inc()
        request.state.facts |= {"event": "spans", "reason": str(error)}
        wait = {"Retry-After": str(round(error.retry_after_s or RETRY_AFTER_S))}
        return Response(write_failure(encoding, error.sentence), 503, headers=wait, media_type=encoding)


def _encoding(request: Request) -> Encoding | None:
    """Return the encoding by the content type, whose parameters do not matter."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return next((one for one in Encoding if one == given), None)


def _required(encoding: Encoding | None) -> Encoding:
    if encoding is None:
        raise BadRequest(f"send a Content-Type of {' or '.join(Encoding)}", status=415)
    return encoding
