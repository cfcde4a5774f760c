"""The webhook endpoint: verify a post, store it, then acknowledge it.

Of posts without a valid signature only the last refusals are recorded.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import ClientDisconnect

from service.circleci.source import Source
from service.errors import BadSignature, Rejected, Temporary
from service.message import one_line
from service.metrics import Metrics
from service.model import Delivery, Refusal, Via
from service.pipeline.receive import GroupCommitter, StoredDelivery
from service.pipeline.refusals import Refusals
from service.web.post import Post
from service.web.request_body import MAX_UNSIGNED_BYTES, SMALL_BODY_BYTES, BodyReader, Turn

__all__ = ["GroupCommitter", "Refusals", "WebhookEndpoint"]

MAX_USER_AGENT_CHARACTERS = 200


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

    async def receive(self, post: Post, *, max_body_bytes: int) -> StoredDelivery:
        """Return the delivery of a post once it is on disk.

        Raises Rejected, ClientDisconnect, and Temporary when the post cannot be stored in time.
        """
        try:
            await self._refuse_unsigned(post)
            body = await self.body_reader.read(post, max_body_bytes)
            delivery = await self._verify(post, body)
            stored = await self.committer.keep(delivery)
        except ClientDisconnect:
            self._count_and_log(post, "broken_off", "the sender went away before its post was complete")
            raise
        except Temporary as error:
            self._count_and_log(post, "not_kept", str(error))
            raise
        except Rejected as error:
            await self._refuse(post, error)
            raise
        result = "duplicate" if stored.is_duplicate else "kept"
        secret = delivery.signed.number if delivery.signed else None
        self.metrics.signed.labels(secret).inc()
        self._count_and_log(post, result, None, delivery=str(stored.id), bytes=len(body), secret=secret)
        return stored

    async def _refuse_unsigned(self, post: Post) -> None:
        """Raise BadSignature if the headers lack a signature.

        A small body is read all the same, to find which hook of ours has lost its secret.
        """
        try:
            self.source.require_signature(post.headers)
        except BadSignature:
            body = await self.body_reader.read_unsigned(post)
            post.facts["hook"] = await self._find_hook(body) if body else None
            raise

    async def _verify(self, post: Post, body: bytes) -> Delivery:
        """Return the delivery of a post. Raises BadSignature.

        A large body is verified in a thread, because its hash would block the event loop.
        """
        try:
            if len(body) <= SMALL_BODY_BYTES:
                return self._to_delivery(post, body)
            return await asyncio.to_thread(self._to_delivery, post, body)
        except BadSignature:
            post.facts["hook"] = await self._find_hook(body) if len(body) <= MAX_UNSIGNED_BYTES else None
            raise

    async def _find_hook(self, body: bytes) -> str | None:
        """Return the id of the hook that an unproven body names.

        Of hooks that are not ours, one a second is told.
        """
        hook_id = self.source.find_hook(body)
        is_told = hook_id and (await self.refusals.find_hook(hook_id) or self._unknown_hook_turn.take())
        return hook_id if is_told else None

    def _to_delivery(self, post: Post, body: bytes) -> Delivery:
        signed = self.source.verify(post.headers, body)
        return Delivery(
            id=post.id,
            source=self.source.name,
            source_event_id=self.source.identify(body),
            via=Via.WEBHOOK,
            received_at=self.clock(),
            headers=self.source.kept_headers(post.headers),
            body=body,
            signed=signed,
        )

    async def _refuse(self, post: Post, error: Rejected) -> None:
        """Log and record the refusal of a post, with the reason and the next step.

        The sender gets only the error's own sentence.
        """
        hook_id = post.facts.get("hook")
        reason, next_step = await self.refusals.explain(error, hook_id)
        refusal = Refusal(
            at=self.clock(),
            status=error.status,
            reason=reason,
            next_step=next_step,
            address=post.client_address,
            user_agent=one_line(post.header(b"user-agent"), MAX_USER_AGENT_CHARACTERS),
            hook_id=hook_id,
        )
        self.refusals.keep(refusal)
        result = "bad_signature" if isinstance(error, BadSignature) else "refused"
        sentence = f"{reason}; {next_step}" if next_step else reason
        self._count_and_log(post, result, sentence, client=refusal.address, user_agent=refusal.user_agent)

    def _count_and_log(self, post: Post, result: str, reason: str | None, **facts: object) -> None:
        """Count the result, and add it to the log line of the request."""
        self.metrics.deliveries.labels(result).inc()
        post.facts |= {"event": "delivery", "source": self.source.name, "result": result, "reason": reason}
        post.facts |= facts
