"""What Prism, a pretend API made from CircleCI's description alone, says of our calls.

Prism refuses a request that the description does not allow, and answers with values made from the schemas: what we send
is right, and what we read is there, by the word of software that knows nothing of ours. ``.ci/prism-check`` fetches it.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, connect
from service.circleci.api.endpoints import ENDPOINTS
from service.clock import now_utc
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from tests.circleci.openapi_subset import SUBSET
from tests.circleci.test_contract import NEWER
from tests.circleci.test_endpoint_faults import one_call

PRISM = os.environ.get("PRISM")
READY_WITHIN_S = 60.0
SLUGS = [re.compile(rb"(?<=/)(?:gh|github|circleci)" + rb"/[^/?]+" * parts) for parts in (2, 1)]
# Prism makes up a lifetime of claims that its own check of the description's pattern then refuses.
UNANSWERED = {f"{verb}{scope}_claims" for verb in ("", "set_", "clear_") for scope in ("org", "project")}
DESCRIBED = sorted(name for name, one in ENDPOINTS.items() if one.version == "v2" and name not in NEWER | UNANSWERED)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(PRISM is None, reason="no Prism: `make prism-check` fetches it and runs these"),
]


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Serve the description by Prism on a free port."""
    assert PRISM is not None
    prism = await asyncio.create_subprocess_exec(
        PRISM, "mock", "--errors", "--host", "127.0.0.1", "--port", "0", str(SUBSET), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield await asyncio.wait_for(_listening(prism), READY_WITHIN_S)
    finally:
        prism.terminate()
        await prism.communicate()


async def _listening(prism: asyncio.subprocess.Process) -> str:
    assert prism.stdout is not None
    async for line in prism.stdout:
        if found := re.search(rb"listening on (http://[0-9.]+:[0-9]+)", line):
            return found[1].decode()
    raise AssertionError("Prism ended")


class WithoutVersion(httpx.AsyncBaseTransport):
    """The way to Prism, which serves the paths of the description without the API's version."""

    def __init__(self, address: str) -> None:
        self._address = httpx.URL(address)
        self._wire = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on to the path below the version, with a slug as one part of it where that is described."""
        path = request.url.raw_path.removeprefix(b"/api/v2")
        response = await self._send(request, path)
        for slug in SLUGS:
            if response.status_code == 404 and (found := slug.search(path)):
                await response.aclose()
                response = await self._send(request, path.replace(found[0], found[0].replace(b"/", b"%2F"), 1))
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def _send(self, request: httpx.Request, path: bytes) -> httpx.Response:
        url = self._address.copy_with(raw_path=path)
        return await self._wire.handle_async_request(
            httpx.Request(request.method, url, headers=request.headers, content=await request.aread())
        )


async def test_prism_takes_our_calls_and_we_read_its_answers(address: str) -> None:
    client = Client(connect("http://ci", "t", WithoutVersion(address)), metrics=Metrics(), clock=now_utc)
    wrong = []
    for name in DESCRIBED:
        with one_call(CircleCIAPI(client), name) as call:
            try:
                await call
            except (Permanent, Temporary) as error:
                wrong.append(f"{name}: {error}")
    await client.close()

    assert wrong == []
