"""Clients that take their time: each state of a connection has its own, and then it is closed."""

import asyncio
import json
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.web.server.limits import Limits
from tests.support.app_fixture import Instance
from tests.support.log_capture import Talk, logged
from tests.support.raw_client import GET, HOST, LARGE, PATIENCE_S, connected, echoing, statuses

LONG_S = 1_000.0
PATIENT = Limits(
    head_timeout_s=LONG_S, body_timeout_s=LONG_S, idle_timeout_s=1_000, stall_timeout_s=LONG_S, linger_s=LONG_S
)
LARGE_PLEASE = b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n"


@pytest.mark.long
@pytest.mark.parametrize("begun", [b"", b"\r\n\r\n"])
async def test_a_connection_that_says_nothing_is_closed_without_a_word(begun: bytes) -> None:
    async with echoing(replace(PATIENT, head_timeout_s=0.1)) as url, connected(url) as wire:
        await wire.send(begun)

        assert await wire.rest() == b""


@pytest.mark.long
@pytest.mark.parametrize("begun", [b"G", b"GET /", GET[:-2], GET[:-2] + b"a: b"])
async def test_a_head_that_is_late_is_answered_408(begun: bytes) -> None:
    async with echoing(replace(PATIENT, head_timeout_s=0.1, linger_s=0.1)) as url, connected(url) as wire:
        await wire.send(begun)

        assert statuses(await wire.rest()) == [408]


async def test_the_time_of_a_head_is_not_prolonged_by_each_of_its_bytes() -> None:
    async def drip() -> None:
        while True:
            await wire.send(b"a: b\r\n")
            await asyncio.sleep(0.02)

    async with echoing(replace(PATIENT, head_timeout_s=0.1, linger_s=0.1)) as url, connected(url) as wire:
        await wire.send(GET[:-2])
        dripping = asyncio.create_task(drip())
        answered = await wire.rest()
        dripping.cancel()

    assert statuses(answered) == [408]


@pytest.mark.long
async def test_a_second_head_has_as_much_time_as_the_first() -> None:
    async with echoing(replace(PATIENT, head_timeout_s=1, linger_s=0.1)) as url, connected(url) as wire:
        await wire.send(GET)
        await wire.answer()
        await wire.send(b"GET ")

        assert statuses(await wire.rest()) == [408]


@pytest.mark.long
async def test_line_ends_do_not_keep_an_idle_connection() -> None:
    async with echoing(replace(PATIENT, head_timeout_s=1)) as url, connected(url) as wire:
        await wire.send(GET)
        await wire.answer()
        await wire.send(b"\r\n")

        assert await wire.rest() == b""


@pytest.mark.long
@pytest.mark.parametrize("behind", [b"", b"12"])
async def test_a_body_that_is_late_is_answered_408(behind: bytes) -> None:
    with logged() as talk:
        async with echoing(replace(PATIENT, body_timeout_s=0.1, linger_s=0.1)) as url, connected(url) as wire:
            await wire.send(POST + behind)
            answered = await wire.rest()

    assert statuses(answered) == [408]
    assert "body" in json.loads(answered.partition(b"\r\n\r\n")[2])["error"]
    assert [line["event"] for line in talk.lines if line["level"] == "warning"] == ["a request is refused"]


@pytest.mark.long
@pytest.mark.parametrize("path", ["/login", "/hooks/circleci"])
async def test_a_slow_body_is_given_up_on_every_route(instance: Instance, path: str) -> None:
    limits = replace(PATIENT, body_timeout_s=0.1, linger_s=0.1)
    signed = b"circleci-signature: v1=" + b"0" * 64 + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\n".encode() + HOST + signed + b"Content-Length: 50\r\n\r\n"
    with logged() as talk:
        async with echoing(limits, app=instance.service.asgi) as url, connected(url) as wire:
            await wire.send(head + b"token=")
            answered = await wire.rest()

    assert statuses(answered) == [408]
    assert not [line for line in talk.lines if line["level"] == "error"]
    assert "exception" not in talk.getvalue()


@pytest.mark.parametrize("path", ["/login"])
async def test_a_client_that_leaves_in_the_middle_of_a_form_is_no_error(instance: Instance, path: str) -> None:
    with logged() as talk:
        async with echoing(app=instance.service.asgi) as url, connected(url) as wire:
            head = f"POST {path} HTTP/1.1\r\n".encode() + HOST + b"Expect: 100-continue\r\nContent-Length: 50\r\n\r\n"
            await wire.send(head)
            assert (await wire.reader.readline()).startswith(b"HTTP/1.1 100")
            await wire.send(b"token=")
            wire.writer.close()

    [line] = [line for line in talk.lines if line["event"] == "request"]
    assert (line["status"], line["reason"]) == (400, "the client went away before its request was complete")
    assert "exception" not in talk.getvalue()


async def test_a_body_whose_rest_never_comes_after_its_answer_is_not_waited_for() -> None:
    async with echoing(replace(PATIENT, linger_s=0.1)) as url, connected(url) as wire:
        await wire.send(b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\n12")

        assert statuses(await wire.rest()) == [404]


async def test_an_idle_connection_is_closed() -> None:
    async with echoing(replace(PATIENT, idle_timeout_s=0)) as url, connected(url) as wire:
        await wire.send(GET)

        assert statuses(await wire.rest()) == [200]


def test_an_idle_connection_stays_longer_than_common_load_balancers_keep_theirs() -> None:
    assert Limits().idle_timeout_s > 60


async def until_logged(talk: Talk) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not talk.lines:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0.01)


@pytest.mark.long
async def test_an_answer_that_is_not_read_is_given_up() -> None:
    with logged() as talk:
        async with echoing(replace(PATIENT, stall_timeout_s=0.1)) as url, connected(url) as wire:
            await wire.send(LARGE_PLEASE)
            await until_logged(talk)
            answered = await wire.rest()

    assert 0 < len(answered) < len(LARGE)
    assert [line["event"] for line in talk.lines] == ["a client does not read its answer"]


@pytest.mark.long
async def test_an_answer_that_is_read_slowly_is_read_to_its_end() -> None:
    async with echoing(replace(PATIENT, stall_timeout_s=2)) as url, connected(url) as wire:
        await wire.send(LARGE_PLEASE)
        for _ in range(len(LARGE) // 2**20):
            await wire.reader.readexactly(2**20)
            await asyncio.sleep(0.2)


@pytest.mark.long
async def test_an_answer_may_take_longer_than_any_request() -> None:
    async def slow(_request: Request) -> Response:
        await asyncio.sleep(2)
        return Response("done")

    limits = Limits(head_timeout_s=1, body_timeout_s=1, idle_timeout_s=0, stall_timeout_s=1, linger_s=1)
    app = Starlette(routes=[Route("/", slow)])
    async with echoing(limits, app=app) as url, connected(url) as wire:
        await wire.send(GET + b"GET /ahead")

        assert (await wire.answer()) == (200, b"done")
