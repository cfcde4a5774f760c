"""Our HTTP entrance: what is signed is kept before it is acknowledged, and nothing else is kept at all."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service.errors import BadRequest, BadSignature, Rejected, Temporary
from service.jobs import Jobs
from service.metrics import Metrics
from service.model import Delivery, Signed, Via
from service.sources import Source
from service.store import Store, deliveries

READ_WITHIN_S = 8.0
KEEP_WITHIN_S = 8.0  # CircleCI gives up after 10 s (docs, "Outbound webhooks"): answer while it still listens
COME_BACK_IN_S = 10

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a delivery is on record, and whether it was there before."""

    id: UUID
    is_duplicate: bool


class Intake:
    """Keeps deliveries: the body byte for byte, which secret signed it, and a job to judge it, all or nothing."""

    def __init__(
        self, source: Source, *, store: Store, jobs: Jobs, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._store = store
        self._jobs = jobs
        self._metrics = metrics
        self._clock = clock

    async def receive(self, request: Request, *, max_body_bytes: int) -> Response:
        """Answer a post: 202 once it is on disk. Raises Rejected, or Temporary when it cannot be kept in time."""
        try:
            body = await _read(request, max_body_bytes)
            signed = self._source.verify(request.headers.raw, body)
            kept = await self._keep_in_time(self._delivery(request, body, signed))
        except ClientDisconnect:
            self._note("broken off", "the sender went away before its post was complete")
            return Response(status_code=400)
        except (Rejected, Temporary) as error:
            self._note(_result(error), str(error))
            raise
        self._note("duplicate" if kept.is_duplicate else "kept", None, delivery=str(kept.id), bytes=len(body))
        return JSONResponse({"delivery": str(kept.id), "duplicate": kept.is_duplicate}, status_code=202)

    async def _keep_in_time(self, delivery: Delivery) -> Kept:
        try:
            async with asyncio.timeout(KEEP_WITHIN_S):
                return await self.keep(delivery)
        except TimeoutError as error:
            message = f"the delivery could not be kept within {KEEP_WITHIN_S:.0f} s"
            raise Temporary(message, retry_after_s=COME_BACK_IN_S) from error
        except Temporary as error:
            raise Temporary(str(error), retry_after_s=COME_BACK_IN_S) from error

    async def keep(self, delivery: Delivery) -> Kept:
        """Put the delivery and the job that will judge it on disk, once."""
        async with self._store.writing() as transaction:
            before = await deliveries.keep(transaction, delivery)
            if before is None:
                await self._jobs.later("process", delivery.id, within=transaction)
        return Kept(id=before or delivery.id, is_duplicate=before is not None)

    def _delivery(self, request: Request, body: bytes, signed: Signed) -> Delivery:
        return Delivery(
            id=uuid4(),
            source=self._source.name,
            source_event_id=self._source.identify(body),
            via=Via.WEBHOOK,
            received_at=self._clock(),
            headers=self._source.kept_headers(request.headers.raw),
            body=body,
            signed=signed,
        )

    def _note(self, result: str, reason: str | None, **facts: object) -> None:
        self._metrics.deliveries.labels(result).inc()
        log.info("delivery", source=self._source.name, result=result, reason=reason, **facts)


def _result(error: Rejected | Temporary) -> str:
    match error:
        case BadSignature():
            return "not signed by us"
        case Temporary():
            return "not kept"
        case _:
            return "refused"


async def _read(request: Request, max_body_bytes: int) -> bytes:
    """The body, counted while it arrives: a sender who lies about its length gains nothing."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadRequest(f"content-encoding {encoding!a} is not accepted; send the body as it is", status=415)
    if _announced(request) > max_body_bytes:
        raise _too_large(max_body_bytes)
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await _collect(request, max_body_bytes)
    except TimeoutError as error:
        raise BadRequest(f"the body did not arrive within {READ_WITHIN_S:.0f} s", status=408) from error


async def _collect(request: Request, max_body_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise _too_large(max_body_bytes)
    return bytes(body)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(max_body_bytes: int) -> BadRequest:
    return BadRequest(
        f"the body is larger than {max_body_bytes} bytes; ROUNDSMAN_MAX_BODY_BYTES sets the limit", status=413
    )
