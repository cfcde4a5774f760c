"""Our HTTP entrance: what is signed is kept before it is acknowledged, and nothing else is kept at all."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from service.errors import BadSignature, Rejected, Temporary
from service.intake.body import Bodies
from service.intake.line import Line
from service.message import one_line
from service.metrics import Metrics
from service.model import Delivery, Signed, Via
from service.sources import Source

__all__ = ["Intake", "Line"]

LONGEST_USER_AGENT = 200


class Intake:
    """Verifies posts and keeps them: the body byte for byte, and which secret signed it."""

    def __init__(self, source: Source, *, line: Line, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._source = source
        self._bodies = Bodies()
        self._line = line
        self._metrics = metrics
        self._clock = clock

    async def receive(self, request: Request, *, max_body_bytes: int) -> Response:
        """Answer a post: 202 once it is on disk. Raises Rejected, or Temporary when it cannot be kept in time."""
        try:
            body = await self._bodies.read(request, max_body_bytes)
            signed = self._source.verify(request.headers.raw, body)
            kept = await self._line.keep(self._delivery(request, body, signed))
        except ClientDisconnect:
            self._note(request, "broken off", "the sender went away before its post was complete")
            return Response(status_code=400)
        except (Rejected, Temporary) as error:
            self._note(request, _result(error), str(error), **(_whence(request) if isinstance(error, Rejected) else {}))
            raise
        result = "duplicate" if kept.is_duplicate else "kept"
        self._metrics.signed.labels(signed.number).inc()
        self._note(request, result, None, delivery=str(kept.id), bytes=len(body), secret=signed.number)
        return JSONResponse({"delivery": str(kept.id), "duplicate": kept.is_duplicate}, status_code=202)

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

    def _note(self, request: Request, result: str, reason: str | None, **facts: object) -> None:
        """Count it, and have the request's line in the log say it: one line for each post, under this name."""
        self._metrics.deliveries.labels(result).inc()
        request.state.facts |= {"event": "delivery", "source": self._source.name, "result": result, "reason": reason}
        request.state.facts |= facts


def _whence(request: Request) -> dict[str, str | None]:
    """Who posts what we refuse: a forger, or a hook with another secret."""
    client = request.client.host if request.client else None
    return {"client": client, "user_agent": one_line(request.headers.get("user-agent"), LONGEST_USER_AGENT)}


def _result(error: Rejected | Temporary) -> str:
    match error:
        case BadSignature():
            return "bad signature"
        case Temporary():
            return "not kept"
        case _:
            return "refused"
