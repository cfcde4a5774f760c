"""Errors as answers: the right status, and one sentence that says what is wrong and what to do."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.errors import NotFound, Rejected, Temporary

COME_BACK_IN_S = 10

log = structlog.get_logger()


async def answer_error(request: Request, error: Exception) -> Response:
    """``{"error": sentence}`` with the status that the error's type stands for."""
    match error:
        case HTTPException():
            status, sentence, headers = (
                error.status_code,
                f"{request.method} {request.url.path}: {error.detail}",
                error.headers,
            )
        case Rejected():
            status, sentence, headers = error.status, str(error), {}
        case NotFound():
            status, sentence, headers = 404, str(error), {}
        case Temporary():
            status, sentence = 503, str(error)
            headers = {"Retry-After": str(round(error.retry_after_s or COME_BACK_IN_S))}
        case _:
            status, sentence, headers = 500, "something went wrong here; the log says what", {}
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)
