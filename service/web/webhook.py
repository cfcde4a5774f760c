"""The webhook endpoint: verify a post, store it, then acknowledge it.

Of posts without a valid signature only the last refusals are recorded.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service.circleci.source import Source
from service.errors import BadSignature, Rejected, Temporary
from service.message import one_line
from service.metrics import Metrics
from service.model import Delivery, Refusal, Via
from service.pipeline.receive import GroupCommitter
from service.pipeline.refusals import Refusals
from service.web.request_body import MAX_UNSIGNED_BYTES, SMALL_BODY_BYTES, BodyReader, Turn, client_address

__all__ = ["GroupCommitter", "Refusals", "WebhookEndpoint"]

MAX_USER_AGENT_CHARACTERS = 200
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoint:
    """Verifies posts; stores each with its exact body and the secret that signed it."""

    source: Source
    committer: GroupCommitter
    refusals: Refusals
    metrics: Metrics
    clock: Callable[[], datetime]
    body_reader: BodyReader
    _unknown_hook_turn: Turn = field(default_factory=Turn, init=False)

    async def receive(self, request: Request, *, max_body_bytes: int) -> Response:
        """Answer a post with 202 once it is on disk. Raises Rejected or Temporary.

        Temporary: the post cannot be stored in time.
        """
        try:
            await self._refuse_unsigned(request)
            body = await self.body_reader.read(request, max_body_bytes)
            delivery = await self._verify(request, body)
            stored = await self.committer.keep(delivery)
        except ClientDisconnect:
            self._count_and_log(request, "broken_off", "the sender went away before its post was complete")
            return Response(status_code=400)
        except Temporary as error:
            self._count_and_log(request, "not_kept", str(error))
            raise
        except Rejected as error:
            await self._refuse(request, error)
            raise
        result = "duplicate" if stored.is_duplicate else "kept"
        secret = delivery.signed.number if delivery.signed else None
        self.metrics.signed.labels(secret).inc()
        self._count_and_log(request, result, None, delivery=str(stored.id), bytes=len(body), secret=secret)
        return JSONResponse({"delivery": str(stored.id), "duplicate": stored.is_duplicate}, status_code=202)

    async def _refuse_unsigned(self, request: Request) -> None:
        """Raise BadSignature if the headers lack a signature.

        A small body is read all the same, to find which hook of ours has lost its secret.
        """
        try:
            self.source.require_signature(request.headers.raw)
        except BadSignature:
            body = await self.body_reader.read_unsigned(request)
            request.state.facts["hook"] = await self._find_hook(body) if body else None
            raise

    async def _verify(self, request: Request, body: bytes) -> Delivery:
        """Return the delivery of a post. Raises BadSignature.

        A large body is verified in a thread, because its hash would block the event loop.
        """
        headers = request.headers.raw
        try:
            if len(body) <= SMALL_BODY_BYTES:
                return self._to_delivery(headers, body)
            return await asyncio.to_thread(self._to_delivery, headers, body)
        except BadSignature:
            request.state.facts["hook"] = await self._find_hook(body) if len(body) <= MAX_UNSIGNED_BYTES else None
            raise

    async def _find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that an unproven body names.

        Of hooks that are not ours, one a second is told.
        """
        hook_id = self.source.find_hook(body)
        is_told = hook_id and (await self.refusals.find_hook(hook_id) or self._unknown_hook_turn.take())
        return hook_id if is_told else None

    def _to_delivery(self, headers: Headers, body: bytes) -> Delivery:
        signed = self.source.verify(headers, body)
        return Delivery(
            id=uuid4(),
            source=self.source.name,
            source_event_id=self.source.identify(body),
            via=Via.WEBHOOK,
            received_at=self.clock(),
            headers=self.source.kept_headers(headers),
            body=body,
            signed=signed,
        )

    async def _refuse(self, request: Request, error: Rejected) -> None:
        """Log and record the refusal of a post, with the reason and the next step.

        The sender gets only the error's own sentence.
        """
        hook_id = request.state.facts.get("hook")
        reason, next_step = await self.refusals.explain(error, hook_id)
        refusal = Refusal(
            at=self.clock(),
            status=error.status,
            reason=reason,
            next_step=next_step,
            address=client_address(request),
            user_agent=one_line(request.headers.get("user-agent"), MAX_USER_AGENT_CHARACTERS),
            hook_id=hook_id,
        )
        self.refusals.keep(refusal)
        result = "bad_signature" if isinstance(error, BadSignature) else "refused"
        sentence = f"{reason}; {next_step}" if next_step else reason
        self._count_and_log(request, result, sentence, client=refusal.address, user_agent=refusal.user_agent)

    def _count_and_log(self, request: Request, result: str, reason: str | None, **facts: object) -> None:
        """Count the result, and add it to the log line of the request."""
        self.metrics.deliveries.labels(result).inc()
        request.state.facts |= {"event": "delivery", "source": self.source.name, "result": result, "reason": reason}
        request.state.facts |= facts
