"""Sends that outlast their job: a late yes counts, nobody is told twice, and the lane waits, but no other."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from service.channels import AppriseChannels
from service.model import FetchPurpose
from service.pipeline.context import RetryPolicy
from service.pipeline.steps import Pipeline
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, a_moment, an_instance
from tests.support.fake_servers import RawEnd, raw_end

pytestmark = pytest.mark.databases("sqlite", "postgres")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
TIRED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
SOON_S = 120.0


@pytest.fixture(autouse=True, scope="module")
def _apprise_is_imported() -> None:
    """Importing it takes longer than the deadline here."""
    AppriseChannels().check("json://web.example.com")


class Slow:
    """An end that answers each request, but only when it is let."""

    def __init__(self, end: RawEnd, may_answer: Event) -> None:
        self.end = end
        self.may_answer = may_answer

    @property
    def routes(self) -> str:
        return RED_TO_WEB.replace("web.example.com", f"127.0.0.1:{self.end.port}")


@contextmanager
def slow(answer: bytes = OK) -> Iterator[Slow]:
    may_answer = Event()

    def talk(connection: socket.socket, _closing: Event) -> None:
        while not connection.recv(65_536).endswith(b"}"):
            pass
        may_answer.wait(SOON_S)
        connection.sendall(answer)

    with raw_end(talk) as end:
        yield Slow(end, may_answer)
        may_answer.set()


def hurried(instance: Instance, *, deadline_s: float = 0.2) -> Instance:
    """An instance whose jobs wait for channels no longer than this."""
    context = replace(instance.service.context, notifier=AppriseChannels(deadline_s=deadline_s, answer_s=SOON_S))
    return replace(instance, service=replace(instance.service, context=context, pipeline=Pipeline(context)))


async def settled(instance: Instance) -> None:
    """Wait for every late send to be on record."""
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*instance.service.context.late_sends._tasks.values())


async def attempts_of(instance: Instance, delivery: str) -> list[tuple[Any, Any]]:
    [notification] = (await instance.show(delivery))["notifications"]
    return [(attempt["outcome"], attempt["reason"] or attempt["receipt"]) for attempt in notification["attempts"]]


async def red(instance: Instance, number: int = 1) -> str:
    delivery = await instance.finish(replace(RED, number=number))
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    return delivery


@pytest.mark.long
async def test_a_yes_that_comes_after_the_deadline_is_on_record_and_nothing_is_sent_again(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            await instance.drain()
            meanwhile = await attempts_of(instance, delivery)
            channel.may_answer.set()
            await settled(instance)
            await instance.drain(hours=1)
            attempts = await attempts_of(instance, delivery)

    assert meanwhile == [("sending", None)]
    assert attempts == [("sent", "web (json) accepted the message, it answered 200")]
    assert channel.end.connections == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "attempt"),
    [(GONE, ("dead", "web (json) answered 404: no (the address is not known there; correct the channel's URL)")),
     (TIRED, ("put_off", "web (json) answered 503: no"))],
)  # fmt: skip
async def test_a_no_that_comes_after_the_deadline_is_that_no(
    folder: Path, answer: bytes, attempt: tuple[str, str]
) -> None:
    with slow(answer) as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            await instance.drain()
            channel.may_answer.set()
            await settled(instance)

            assert await attempts_of(instance, delivery) == [attempt]
            await instance.drain(minutes=1)
            assert len(await attempts_of(instance, delivery)) == (1 if answer is GONE else 2)


@pytest.mark.long
async def test_another_worker_sends_nothing_while_a_late_send_may_still_succeed(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            await instance.drain()
            async with an_instance(folder, channel.routes, clock=instance.clock) as other:
                await other.drain(seconds=25)
                told_elsewhere = list(other.channels.tried)
            channel.may_answer.set()
            await settled(instance)
            attempts = await attempts_of(instance, delivery)

    assert told_elsewhere == []
    assert [outcome for outcome, _ in attempts] == ["sent"]


@pytest.mark.long
async def test_when_the_process_of_a_late_send_is_gone_another_goes_on(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            await instance.drain()
            await instance.service.context.late_sends.finish()
        async with an_instance(folder, channel.routes, clock=instance.clock) as other:
            await other.drain(seconds=31)
            attempts = await attempts_of(other, delivery)

    assert [outcome for outcome, _ in attempts] == ["interrupted", "sent"]


@pytest.mark.long
async def test_a_lease_that_ran_out_in_its_own_process_is_renewed(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            await instance.drain()
            await instance.drain(minutes=10)
            meanwhile = await attempts_of(instance, delivery)
            channel.may_answer.set()
            await settled(instance)
            attempts = await attempts_of(instance, delivery)

    assert meanwhile == [("sending", None)]
    assert [outcome for outcome, _ in attempts] == ["sent"]
    assert channel.end.connections == 1


@pytest.mark.long
async def test_the_next_message_of_the_lane_goes_as_soon_as_the_late_one_is_told(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            first, second = await red(instance, 1), await red(instance, 2)
            await instance.drain()
            one_at_a_time = channel.end.connections
            channel.may_answer.set()
            await settled(instance)
            await instance.drain(seconds=30)  # on Postgres a job that found the lane closed comes back by then
            attempts = [await attempts_of(instance, delivery) for delivery in (first, second)]

    assert one_at_a_time == 1
    assert [[outcome for outcome, _ in each] for each in attempts] == [["sent"], ["sent"]]


@pytest.mark.long
async def test_late_send_may_end_while_the_service_stops(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            async with instance.running():
                await late(instance)
                instance.service.stop()
                channel.may_answer.set()
        async with an_instance(folder, channel.routes, clock=instance.clock) as other:
            attempts = await attempts_of(other, delivery)

    assert [outcome for outcome, _ in attempts] == ["sent"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_late_send_left_at_the_end_of_the_grace_is_interrupted_and_sent_again(folder: Path) -> None:
    with slow() as channel:
        async with an_instance(folder, channel.routes, retry_policy=RetryPolicy(send_grace=timedelta())) as plain:
            instance = hurried(plain)
            delivery = await red(instance)
            async with instance.running():
                await late(instance)
        async with an_instance(folder, channel.routes, clock=instance.clock) as other:
            left = await attempts_of(other, delivery)
            await other.drain(seconds=31)  # on Postgres the job comes back when the lease would have ended
            attempts = await attempts_of(other, delivery)

    assert [outcome for outcome, _ in left] == ["interrupted"]
    assert [outcome for outcome, _ in attempts] == ["interrupted", "sent"]


async def late(instance: Instance) -> None:
    """Wait until a send outlasts its job."""
    async with asyncio.timeout(SOON_S):
        while not instance.service.context.late_sends._tasks:
            await a_moment()
