"""Many connections: there is room for a request that comes, whatever waits without one."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.web.server.limits import Limits
from tests.support.log_capture import logged
from tests.support.raw_client import GET, HOST, PATIENCE_S, Wire, connected, echoing, statuses

FEW = Limits(max_connections=5, max_per_client=3)
NO_PROXY = (ip_network("192.0.2.1/32"),)
KINDS = {
    "silent": b"",
    "slow head": GET[:-2],
    "slow body": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n12",
    "idle": GET,
    "never reads": b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n",
    "refused": b"GET / HTTP/1.1\r\n\r\n",
}


async def crowd(stack: AsyncExitStack, url: str, count: int, says: bytes) -> list[Wire]:
    """Open connections that stay."""
    wires = [await stack.enter_async_context(connected(url)) for _ in range(count)]
    for wire in wires:
        await wire.send(says)
    for _ in range(10):  # turns of the event loop, which is the server's too
        await asyncio.sleep(0.005)
    return wires


@pytest.mark.long
@pytest.mark.parametrize("says", KINDS.values(), ids=KINDS)
async def test_waiting_connections_are_evicted_for_a_request(says: bytes) -> None:
    with logged() as talk:
        async with echoing(FEW) as url, AsyncExitStack() as stack:
            for _ in range(4):
                await crowd(stack, url, 5, says)
                [wire] = await crowd(stack, url, 1, GET)

                assert (await wire.answer())[0] == 200

    full = [line for line in talk.lines if line["event"] == "waiting connections are closed"]
    assert len(full) == 1
    assert full[0]["reason"].startswith("5 connections at once are the limit; let the process open more files")


def blocking() -> tuple[Starlette, asyncio.Event]:
    may_end = asyncio.Event()

    async def wait(_request: Request) -> Response:
        await may_end.wait()
        return Response("done")

    return Starlette(routes=[Route("/", wait)]), may_end


async def test_an_answered_connection_is_not_evicted_and_a_new_one_gets_503() -> None:
    app, may_end = blocking()
    refusals: list[str] = []
    with logged() as talk:
        async with echoing(FEW, app=app, on_refusal=refusals.append) as url, AsyncExitStack() as stack:
            first = await crowd(stack, url, 5, GET)
            [beyond] = await crowd(stack, url, 1, b"")
            refused = await beyond.rest()
            may_end.set()
            answers = [await wire.answer() for wire in first]

    assert statuses(refused) == [503]
    assert b"retry-after: 10" in refused
    assert refusals == ["all"]
    assert answers == [(200, b"done")] * 5
    assert [line["event"] for line in talk.lines if line["level"] == "warning"] == ["connections are refused"]


async def test_one_address_has_its_share_and_makes_room_for_itself() -> None:
    app, may_end = blocking()
    with logged() as talk:
        async with echoing(FEW, app=app, trusted_proxies=NO_PROXY) as url, AsyncExitStack() as stack:
            await crowd(stack, url, 3, b"")
            busy = await crowd(stack, url, 3, GET)
            [beyond] = await crowd(stack, url, 1, b"")
            refused = await beyond.rest()
            may_end.set()
            answers = [await wire.answer() for wire in busy]

    assert statuses(refused) == [503]
    assert answers == [(200, b"done")] * 3
    events = [line["event"] for line in talk.lines if line["level"] == "warning"]
    assert events == ["waiting connections of a client are closed", "a client is refused"]
    assert {line["client"] for line in talk.lines if line["level"] == "warning"} == {"127.0.0.1"}


def forwarded(client: str) -> bytes:
    return b"GET / HTTP/1.1\r\n" + HOST + f"X-Forwarded-For: {client}\r\n\r\n".encode()


async def test_behind_a_proxy_each_client_has_its_share_and_the_proxy_has_none() -> None:
    app, may_end = blocking()
    refusals: list[str] = []
    few = replace(FEW, max_connections=20)
    async with echoing(few, app=app, on_refusal=refusals.append) as url, AsyncExitStack() as stack:
        greedy = await crowd(stack, url, 5, forwarded("198.51.100.7"))
        other = await crowd(stack, url, 3, forwarded("203.0.113.9"))
        proxy = await crowd(stack, url, 5, GET)
        refused = [await wire.answer() for wire in greedy[3:]]
        may_end.set()
        served = [await wire.answer() for wire in [*greedy[:3], *other, *proxy]]

    assert [status for status, _ in refused] == [503, 503]
    assert refusals == ["client", "client"]
    assert [status for status, _ in served] == [200] * 11


async def test_a_client_counts_for_as_long_as_it_is_answered_and_no_longer() -> None:
    async with echoing(FEW) as url, AsyncExitStack() as stack:
        [wire] = await crowd(stack, url, 1, b"")
        for _ in range(10):
            await wire.send(forwarded("198.51.100.7"))
            assert (await wire.answer())[0] == 200


async def test_connections_that_are_gone_count_no_longer() -> None:
    async with echoing(FEW, trusted_proxies=NO_PROXY) as url:
        for _ in range(20):
            async with connected(url) as wire:
                await wire.send(GET)
                assert (await wire.answer())[0] == 200


@pytest.mark.long
async def test_addresses_of_one_network_of_ipv6_are_one_client() -> None:
    app, may_end = blocking()
    async with echoing(replace(FEW, max_connections=20), app=app) as url, AsyncExitStack() as stack:
        wires = [(await crowd(stack, url, 1, forwarded(f"2001:db8::{number}")))[0] for number in range(4)]
        refused = await wires[3].answer()
        may_end.set()
        async with asyncio.timeout(PATIENCE_S):
            served = [await wire.answer() for wire in wires[:3]]

    assert refused[0] == 503
    assert {status for status, _ in served} == {200}


async def test_a_flood_fills_no_log() -> None:
    with logged() as talk:
        async with echoing() as url, AsyncExitStack() as stack:
            wires = await crowd(stack, url, 50, b"nonsense\r\n\r\n")
            for wire in wires:
                assert statuses(await wire.rest()) == [400]

    assert len(talk.lines) == 1
    assert json.dumps(talk.lines).count("a request is refused") == 1
