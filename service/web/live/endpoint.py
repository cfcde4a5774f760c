"""The endpoint that open pages listen to."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from service.errors import Temporary
from service.web.auth.access import Access
from service.web.auth.signed_addresses import LIVE
from service.web.live.changes import Changes, as_event_stream

MAX_VERSION = 200
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep back what is short
RETRY_AFTER_S = 30.0


@dataclass(frozen=True, kw_only=True)
class LiveEndpoint:
    """The stream of changes; it needs a session, a token or a key, as the board."""

    access: Access
    changes: Changes

    def routes(self) -> list[BaseRoute]:
        """Return its only route."""
        return [Route(LIVE, self.listen)]

    async def listen(self, request: Request) -> Response:
        """Return the stream of changes since the version of a page.

        A browser that connects again names the last id that it had. Raises Unauthorized, or Temporary when too many
        pages listen: these poll.
        """
        await self.access.require_reader(request)
        if self.changes.is_full:
            raise Temporary(
                f"{self.changes.limits.max_listeners} pages are open here: this one asks by itself now and then",
                retry_after_s=RETRY_AFTER_S,
            )
        seen = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = as_event_stream(self.changes, seen[:MAX_VERSION])
        return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)
