"""Errors as answers: the right status, and one sentence that says what is wrong and what to do."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.app.requests import REQUEST_ID
from service.errors import NotFound, Rejected, Temporary, Unauthorised

COME_BACK_IN_S = 10


async def answer_error(request: Request, error: Exception) -> Response:
    """``{"error": sentence}`` with the status that the error's type stands for."""
    headers: Mapping[str, str] = {}
    match error:
        case HTTPException():
            status, sentence, headers = error.status_code, _routed_nowhere(request, error), error.headers or {}
        case Unauthorised():
            status, sentence, headers = error.status, str(error), {"WWW-Authenticate": "Bearer"}
        case Rejected():
            status, sentence = error.status, str(error)
        case NotFound():
            status, sentence = 404, str(error)
        case Temporary():
            status, sentence = 503, str(error)
            headers = {"Retry-After": str(round(error.retry_after_s or COME_BACK_IN_S))}
        case _:
            status, sentence = 500, "something went wrong here; the log says what"
            headers = {REQUEST_ID: request.state.request_id}  # this one is answered outside of all middleware
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def _routed_nowhere(request: Request, error: HTTPException) -> str:
    """The framework's own refusals, with a next step."""
    path, allowed = request.url.path, (error.headers or {}).get("Allow")
    if allowed:
        return f"{path!a} does not take {request.method}; it takes {allowed}"
    return f"there is nothing at {path!a}; docs/http.md lists what there is"
