"""The text of every request, cleaned before any endpoint sees it."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from service.text import MARK, clean

NUL = re.compile(rb"%00|\x00")
ENCODED_MARK = b"".join(b"%%%02X" % byte for byte in MARK.encode())


class CleanTextMiddleware:
    """Middleware: the path and the query without what no database can store; a search finds what was stored of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with clean text; its percent-encoded bytes are decoded with U+FFFD for what is no UTF-8."""
        if scope["type"] == "http":
            scope["path"] = clean(scope["path"])
            scope["query_string"] = NUL.sub(ENCODED_MARK, scope["query_string"])
        await self._app(scope, receive, send)
