"""Headers that keep a response out of shared caches."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_STORE = "no-store"


def set_private_headers(headers: MutableHeaders) -> None:
    """Set ``Cache-Control: no-store``, unless the response has its own Cache-Control.

    A response depends on the cookie or the credential: Vary tells that to a cache that stores it all the same.
    """
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if headers.setdefault("Cache-Control", NO_STORE) == NO_STORE:
        vary = {field.strip().lower() for field in headers.get("Vary", "").split(",")}
        if not {"cookie", "authorization"} <= vary:
            headers.add_vary_header("Cookie, Authorization")


class PrivateResponseMiddleware:
    """Middleware: sets the private headers on every response, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_private_headers(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, answer)
