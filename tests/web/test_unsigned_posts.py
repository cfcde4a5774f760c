"""Posts that are not signed: refused by their headers, and of some it is told which hook sent them."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.request_body import BodyLimits
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED, Instance, signature
from tests.support.log_capture import logged
from tests.support.raw_client import connected, exchange, statuses

BODY = as_bytes(workflow_completed(RED))


def traces(instance: Instance) -> list[int]:
    """How many deliveries and jobs are on disk."""
    return [instance.rows("SELECT count(*) FROM deliveries")[0][0], len(instance.jobs())]


@pytest.mark.parametrize("claim", [None, "", "v1=", "v2=" + "0" * 64, "v1=" + "g" * 64, f"{'v1=' + '0' * 64},v1=1"])
async def test_an_unsigned_post_is_refused_by_its_headers(instance: Instance, claim: str | None) -> None:
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x" * 100_000

    response = await instance.http.post(
        "/hooks/circleci", content=body(), headers={} if claim is None else {"circleci-signature": claim}
    )

    assert response.status_code == 401
    assert read == []


HOOK = "0d1f3c9e-8a63-4f0a-9d5c-2c8d6f1f7a11"


def naming(hook: object, size: int = 0) -> bytes:
    return json.dumps({"webhook": hook, "fill": "x" * size}).encode()


async def test_a_small_unsigned_post_tells_its_hook_once_a_second(instance: Instance) -> None:
    async def hooks(*bodies: bytes) -> list[str | None]:
        with logged() as talk:
            for body in bodies:
                assert (await instance.http.post("/hooks/circleci", content=body)).status_code == 401
        return [line["hook"] for line in talk.lines if line["event"] == "delivery"]

    small = naming({"id": HOOK})
    assert await hooks(small, small) == [HOOK, None]

    assert traces(instance) == [0, 0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{" * 16_000,
        b"[" * 16_000,
        naming(None),
        naming(HOOK),
        naming({"id": 7}),
        naming({"id": "a\n{}"}),
        naming({"id": "\ud83d"}),
        naming({"id": HOOK * 2}),
        naming({"id": HOOK}, size=16_384),
    ],
)
async def test_an_unsigned_post_that_names_no_hook_is_refused_as_well(instance: Instance, body: bytes) -> None:
    with logged() as talk:
        response = await instance.http.post("/hooks/circleci", content=body)

    assert response.status_code == 401
    [line] = [line for line in talk.lines if line["event"] == "delivery"]
    assert (line["result"], line["hook"]) == ("bad_signature", None)


@pytest.mark.limits(bodies=BodyLimits(arriving_bytes=100_000))
async def test_unsigned_bodies_take_nothing_from_those_that_are_signed(instance: Instance) -> None:
    head = b"POST /hooks/circleci HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    async with serving(instance.service.asgi, listen("127.0.0.1", 0)) as url, AsyncExitStack() as stack:
        for _ in range(20):
            wire = await stack.enter_async_context(connected(url))
            await wire.send(head + b"x" * 60_000)
        async with httpx.AsyncClient(trust_env=False) as http:
            body = b"[" + b" " * 90_000 + b"]"
            signed = {"circleci-signature": signature(body)}
            response = await http.post(f"{url}/hooks/circleci", content=body, headers=signed)

    assert response.status_code == 202


async def test_a_signature_in_a_trailer_signs_nothing(instance: Instance) -> None:
    head = b"POST /hooks/circleci HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n"
    trailer = f"circleci-signature: {signature(BODY)}\r\n\r\n".encode()
    async with serving(instance.service.asgi, listen("127.0.0.1", 0)) as url:
        answered = await exchange(url, head + body + trailer)

    assert statuses(answered) == [401]
    assert traces(instance) == [0, 0]
