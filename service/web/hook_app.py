"""The hook's ASGI app, which runs ahead of all middleware.

Posts are by far the most requests, and need little: their app does itself what the middlewares do for other routes.
"""

from time import perf_counter
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from service.errors import RoundsmanError
from service.web.errors import ErrorHandler
from service.web.post import Post
from service.web.private_responses import set_private_headers
from service.web.request_log import RAW_REQUEST_ID, REQUEST_ID, RequestLog
from service.web.webhook import WebhookEndpoint


def _headers_of_json() -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders({"content-type": "application/json"})
    set_private_headers(headers)
    return headers.raw


_JSON_HEADERS = _headers_of_json()


class HookApp:
    """Answers a post with 202 once it is on disk.

    error_response   returns the response to an error
    """

    def __init__(
        self, endpoint: WebhookEndpoint, log: RequestLog, error_response: ErrorHandler, *, max_body_bytes: int
    ) -> None:
        self._endpoint = endpoint
        self._log = log
        self._error_response = error_response
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one post.

        An unexpected error is answered, and then raised for the server's log.
        """
        status, began = 500, perf_counter()
        post = Post(id=uuid4(), scope=scope, receive=receive)
        request_id = self._log.begin(scope, post.header(b"x-request-id"), post.id, post.facts)
        bound = bind_contextvars(request=request_id)
        try:
            status = await self._answer(post, send, request_id)
            reset_contextvars(**bound)  # not after an error: the server has yet to log its own line about it
        finally:
            await self._log.write_together(scope, status, perf_counter() - began)

    async def _answer(self, post: Post, send: Send, request_id: str) -> int:
        """Keep a post, send the response, and return its status."""
        try:
            stored = await self._endpoint.receive(post, max_body_bytes=self._max_body_bytes)
        except (RoundsmanError, ClientDisconnect) as error:
            return await self._send_error(post, send, error)
        except Exception as error:
            await self._send_error(post, send, error)
            raise
        body = f'{{"delivery":"{stored.id}","duplicate":{str(stored.is_duplicate).lower()}}}'.encode()
        own = [(b"content-length", b"%d" % len(body)), (RAW_REQUEST_ID, request_id.encode())]
        await send({"type": "http.response.start", "status": 202, "headers": _JSON_HEADERS + own})
        await send({"type": "http.response.body", "body": body})
        return 202

    async def _send_error(self, post: Post, send: Send, error: Exception) -> int:
        request = Request(post.scope)
        response = await self._error_response(request, error)
        response.headers[REQUEST_ID] = request.state.request_id
        await response(post.scope, post.receive, send)
        return response.status_code
