"""A real server on loopback: where it listens, what it says to errors, and when it ends."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import closing

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.errors import RoundsmanError
from service.web.server.server import listen, listener_url, serving, shutdown_event
from tests.support.app_fixture import RED, Instance
from tests.support.log_capture import logged
from tests.support.operator_client import Operator
from tests.support.ports import free_port


async def hello(_request: Request) -> Response:
    return JSONResponse({"hello": "there"})


APP = Starlette(routes=[Route("/", hello)])


async def test_an_app_is_served_while_the_block_runs_and_no_longer() -> None:
    async with serving(APP, listen("127.0.0.1", free_port())) as url, httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(url)

    assert response.json() == {"hello": "there"}
    assert "server" not in response.headers
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


async def test_a_failed_server_ends_the_block() -> None:
    async def live_on(listener: socket.socket) -> None:
        async with asyncio.timeout(120), serving(APP, listener):
            await asyncio.Event().wait()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(ValueError, match="tream"):
            await live_on(deaf)


@pytest.mark.long
async def test_start_up_objects_are_excluded_from_garbage_collection() -> None:
    async with serving(APP, listen("127.0.0.1", 0)):
        set_aside = gc.get_freeze_count()

    assert set_aside > 0
    assert gc.get_freeze_count() == 0


async def test_a_request_that_was_begun_is_answered_before_it_ends() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        await may_end.wait()
        return Response("done")

    async with httpx.AsyncClient(trust_env=False) as http:
        async with serving(Starlette(routes=[Route("/", slow)]), listen("127.0.0.1", 0)) as url:
            asking = asyncio.create_task(http.get(url))
            await begun.wait()
            asyncio.get_running_loop().call_soon(may_end.set)
        response = await asking

    assert response.text == "done"


def test_an_early_caller_waits_instead_of_being_refused() -> None:
    with listen("127.0.0.1", 0) as listener, closing(socket.create_connection(listener.getsockname())) as caller:
        assert caller.getpeername() == listener.getsockname()


def test_an_address_is_one_that_people_can_open() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener_url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_version_6_address_stands_in_brackets() -> None:
    with listen("::1", 0) as listener:
        assert listener_url(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "Cannot assign requested address"),
        ("no.such.host.invalid", "Name or service not known"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_one_sentence(host: str, reason: str) -> None:
    with pytest.raises(RoundsmanError) as refused:
        listen(host, 8000)

    assert str(refused.value) == (
        f"cannot listen on {host} port 8000: {reason}; set ROUNDSMAN_HOST and ROUNDSMAN_PORT to an address that is free"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_leaves_the_second_to_the_system(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    asked = shutdown_event()
    assert not asked.is_set()

    os.kill(os.getpid(), number)
    await asyncio.wait_for(asked.wait(), timeout=120)

    assert signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}
    signal.signal(number, before)


@pytest.mark.long
async def test_an_unexpected_error_is_in_the_log_and_not_in_the_response(instance: Instance) -> None:
    event = await instance.finish(RED)
    await instance.drain()
    instance.change("UPDATE details SET body = json_object('rounds', 'a-word-that-nobody-should-see')")

    with logged() as talk:
        async with (
            serving(instance.service.asgi, listen("127.0.0.1", 0)) as url,
            httpx.AsyncClient(trust_env=False) as h,
        ):
            response = await h.get(f"{url}/api/v1/events/{event}", auth=Operator())

    assert response.status_code == 500
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith("something went wrong here; the log says what")
    assert "a-word-that-nobody-should-see" not in response.text
    [line] = [line for line in talk.lines if line["level"] == "error"]
    assert "ValidationError" in line["exception"]
    assert "find_details" in line["exception"]


def test_the_second_piece_of_an_answer_does_not_wait_for_the_first_to_be_acknowledged() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
