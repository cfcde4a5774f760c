"""The barest app that takes a webhook: ``python -m tests.bench.barest``.

Starlette and uvicorn, an HMAC, ``json.loads``; no middleware, no log, nothing stored. It is the upper end of the scale.
"""

import hmac
import json

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.bench.bodies import HOOK, signature


async def receive(request: Request) -> Response:
    body = await request.body()
    if not hmac.compare_digest(signature(body).encode(), request.headers["circleci-signature"].encode()):
        return Response(status_code=401)
    return JSONResponse({"id": json.loads(body)["id"]}, status_code=202)


if __name__ == "__main__":
    app = Starlette(routes=[Route(HOOK, receive, methods=["POST"])])
    uvicorn.run(app, port=0, access_log=False, log_level="warning")
