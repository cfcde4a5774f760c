"""Pages of lists as in CircleCI's API: ``next_page_token`` out, ``page-token`` in."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.testing.fake_circleci.payloads import Payload


def page(request: Request, items: list[Payload], *, size: int) -> Response:
    """Return the page that the request asks for; its token is opaque to the client."""
    token = request.query_params.get("page-token", "after-0")
    start = token.removeprefix("after-")
    if not start.isdecimal():
        return JSONResponse({"message": "page-token: not a valid token"}, 400)

    end = int(start) + size
    more = f"after-{end}" if end < len(items) else None
    return JSONResponse({"items": items[int(start) : end], "next_page_token": more})
