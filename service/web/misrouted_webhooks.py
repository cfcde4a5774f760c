"""Record webhooks that CircleCI posts to a wrong path of ours."""

from collections.abc import Callable
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.message import one_line
from service.model import Refusal
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.pipeline.refusals import Refusals
from service.web.errors import ErrorHandler

EVENT_TYPE = "circleci-event-type"  # CircleCI docs, "Outbound webhooks": a header of each post
MAX_CHARACTERS = 200


def record_misrouted_webhooks(
    answer: ErrorHandler, refusals: Refusals, *, clock: Callable[[], datetime]
) -> ErrorHandler:
    """Return an error handler that also records such posts as refusals.

    The response is that of the handler given.
    """

    async def record(request: Request, error: Exception) -> Response:
        response = await answer(request, error)
        if isinstance(error, HTTPException) and request.method == "POST" and EVENT_TYPE in request.headers:
            refusals.keep(_refusal(request, response.status_code, clock()))
        return response

    return record


def _refusal(request: Request, status: int, now: datetime) -> Refusal:
    return Refusal(
        at=now,
        status=status,
        reason=f"a webhook was posted to {one_line(request.url.path, MAX_CHARACTERS)}, where no hook is",
        next_step=f"correct the webhook's URL at CircleCI: it ends in {HOOK_PATH}",
        address=request.client.host if request.client else None,
        user_agent=one_line(request.headers.get("user-agent"), MAX_CHARACTERS),
    )
