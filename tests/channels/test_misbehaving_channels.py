"""Ends that lie: channels that take a message and say nothing, or half a word; a CircleCI that is away for an hour."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from service.channels import AppriseChannels
from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.faults import broken
from tests.support import fake_servers
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def raw_end(*answers: bytes) -> Iterator[int]:
    """A server that gives each connection the next of these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_serve, args=(listener, answers), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve(listener: socket.socket, answers: tuple[bytes, ...]) -> None:
    with suppress(OSError):  # it was shut down
        for answer in answers:
            _answer(listener.accept()[0], answer)
        listener.accept()


def _answer(connection: socket.socket, answer: bytes) -> None:
    with connection:
        while not connection.recv(65536).endswith(b"}"):
            pass
        connection.sendall(answer)


def to_port(port: int) -> str:
    return RED_TO_WEB.replace("web.example.com", f"127.0.0.1:{port}")


def with_real_channels(instance: Instance, *, answer_s: float = 20) -> Instance:
    context = replace(instance.service.context, notifier=AppriseChannels(deadline_s=120, answer_s=answer_s))
    return replace(instance, service=replace(instance.service, context=context, pipeline=Pipeline(context)))


async def told(instance: Instance) -> list[tuple[str, str | None]]:
    """Have a red workflow told, in as many tries as it takes: what came of each."""
    delivery = await instance.finish(RED)
    for _ in range(3):
        await instance.drain()
        instance.clock.tick(minutes=3)
    [notification] = (await instance.show(delivery))["notifications"]
    return [(attempt["outcome"], attempt["reason"]) for attempt in notification["attempts"]]


@pytest.mark.long
@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", b"HTTP/1.1 20", b"nonsense\r\n"]
)
async def test_a_channel_that_breaks_off_its_answer_is_told_again_and_the_record_says_why(
    folder: Path, answer: bytes
) -> None:
    with raw_end(answer, TAKEN) as port:
        async with an_instance(folder, to_port(port)) as instance:
            attempts = await told(with_real_channels(instance))

    assert attempts == [("put_off", "web (json) could not be reached or hung up"), ("sent", None)]


@pytest.mark.long
async def test_a_channel_that_takes_a_message_and_never_answers_is_told_again(folder: Path) -> None:
    with fake_servers.http_end() as end:
        end.behave(fake_servers.Silence(), fake_servers.Answer())
        async with an_instance(folder, to_port(end.port)) as instance:
            attempts = await told(with_real_channels(instance, answer_s=0.5))

    assert attempts[0] == ("put_off", "web (json) did not answer in time")
    assert attempts[-1] == ("sent", None)


@pytest.mark.long
async def test_a_channel_that_wants_time_gets_it(folder: Path) -> None:
    with fake_servers.http_end() as end:
        end.behave(fake_servers.Answer(status=429, headers=(("Retry-After", "15"),)), fake_servers.Answer())
        async with an_instance(folder, to_port(end.port)) as instance:
            attempts = await told(with_real_channels(instance))

    assert attempts == [("put_off", "web (json) answered 429: ok (it gets too many messages)"), ("sent", None)]


async def page(instance: Instance, delivery: str) -> str:
    return (await instance.http.get(f"/builds/{delivery}")).text


@pytest.mark.long
async def test_an_hour_without_circleci_costs_people_detail_and_the_record_nothing(instance: Instance) -> None:
    instance.pretend.faults.next("*", broken(503), times=10_000)
    delivery = await instance.finish(RED)
    await instance.drain()
    for _ in range(6):
        await instance.drain(minutes=10)
    [(_, message)] = instance.channels.took
    meanwhile: Any = await page(instance, delivery)

    while instance.pretend.faults.take("workflow"):
        pass  # it is back
    await instance.drain(minutes=15)

    assert "CircleCI answered 503" in message.text
    assert "CircleCI answered 503" in meanwhile
    assert "3 of 214 tests failed" not in meanwhile
    assert "test_vouchers" in await page(instance, delivery)
    assert instance.channels.told == ["web (json)"]
