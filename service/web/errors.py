"""Turn errors into responses: a status, and a sentence with the next step."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from service.errors import NotFound, Rejected, Temporary
from service.pipeline.receive import RETRY_AFTER_S
from service.web.pages.pages import Pages
from service.web.private_responses import set_private_headers
from service.web.request_log import REQUEST_ID

PAGE_SENTENCES = {
    404: "nothing is at {path}: the address may be incomplete, or of another release",
    405: "{path} is what a button of a page leads to: press it on that page",
    500: "the log says what, in the lines of request {request}",
}
"""Sentences of pages on errors that have none of their own, without the names of methods and of documents."""

ErrorHandler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]


async def json_error(request: Request, error: Exception) -> Response:
    """Return ``{"error": sentence}`` with the status of the error's type."""
    status, sentence, headers = _error_parts(request, error)
    response = JSONResponse({"error": sentence}, status_code=status, headers=headers)
    set_private_headers(response.headers)  # the response of status 500 passes no middleware
    return response


def html_or_json_error(pages: Pages) -> ErrorHandler:
    """Return an error handler: pages for browsers, ``json_error`` for other clients."""

    async def answer(request: Request, error: Exception) -> Response:
        if not _wants_html(request):
            return await json_error(request, error)
        status, sentence, headers = _error_parts(request, error)
        is_own = isinstance(error, HTTPException) or status == HTTPStatus.INTERNAL_SERVER_ERROR
        if is_own and status in PAGE_SENTENCES:
            path, request_id = ascii(request.url.path), request.state.request_id
            sentence = PAGE_SENTENCES[status].format(path=path, request=request_id)
        response = await pages.error_page(request, sentence, status=status, headers=headers)
        set_private_headers(response.headers)
        return response

    return answer


def _wants_html(request: Request) -> bool:
    is_for_programs = request.url.path.startswith(("/api/", "/hooks/"))
    return not is_for_programs and "text/html" in request.headers.get("accept", "")


def _error_parts(request: Request, error: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Return the status, the sentence and the headers of an error."""
    headers: Mapping[str, str] = {}
    match error:
        case HTTPException():
            status, headers = error.status_code, _http_exception_headers(request, error)
            sentence = _http_exception_message(request, headers.get("Allow"))
        case Rejected():
            status, sentence, headers = error.status, str(error), error.headers
        case ClientDisconnect():  # only the log shows this response
            status, sentence = 400, "the client went away before its request was complete"
            request.state.facts.setdefault("reason", sentence)
        case NotFound():
            status, sentence = 404, str(error)
        case Temporary():
            status, sentence = 503, error.sentence
            request.state.facts.setdefault("reason", str(error))
            headers = {"Retry-After": str(round(error.retry_after_s or RETRY_AFTER_S))}
        case _:
            status, sentence = 500, "something went wrong here; the log says what"
            headers = {REQUEST_ID: request.state.request_id}  # this response is sent outside of all middleware
    return status, sentence, headers


def _http_exception_headers(request: Request, error: HTTPException) -> Mapping[str, str]:
    """Return the headers of an error; ``Allow`` has the methods of its path.

    Those are of all routes with the path: Starlette names those of the first.
    """
    headers = dict(error.headers or {})
    if "Allow" in headers:
        routes = [route for route in request.app.routes if isinstance(route, Route)]
        same_path = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
        methods = {method for route in same_path for method in route.methods or ()}
        headers["Allow"] = ", ".join(sorted(methods)) or headers["Allow"]
    return headers


def _http_exception_message(request: Request, allowed: str | None) -> str:
    """Return a sentence with a next step for Starlette's own errors."""
    path = request.url.path
    if allowed:
        return f"{path!a} does not take {request.method}; it takes {allowed}"
    return f"there is nothing at {path!a}; docs/http.md lists what there is"
