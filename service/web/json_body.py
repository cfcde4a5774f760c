"""Read the JSON object that a request of the API posts, with limits."""

import json
from typing import Any

from starlette.requests import Request

from service.errors import BadRequest

MAX_BODY_BYTES = 64 * 2**10


async def read_object(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the object in the body of a request. Raises BadRequest.

    may_be_empty   no body at all is an empty object
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BadRequest(f"this body is larger than {MAX_BODY_BYTES} bytes", status=413)
    if may_be_empty and not body:
        return {}
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON; post an object, with Content-Type: application/json") from error
    if not isinstance(found, dict):
        raise BadRequest("the body must be a JSON object, such as {}")
    return found
