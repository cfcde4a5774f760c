"""Clean the path and the query of each request before its endpoint reads them."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from service.text import MARK, clean

NUL = re.compile(rb"%00|\x00")
ENCODED_MARK = b"".join(b"%%%02X" % byte for byte in MARK.encode())


class CleanTextMiddleware:
    """Middleware: replaces characters of path and query that no database can store.

    Stored texts are cleaned the same way, so a search for such a text finds it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with clean text; bytes that are not UTF-8 become U+FFFD."""
        if scope["type"] == "http":
            scope["path"] = clean(scope["path"])
            scope["query_string"] = NUL.sub(ENCODED_MARK, scope["query_string"])
        await self._app(scope, receive, send)
