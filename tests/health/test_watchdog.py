"""The dead man's switch: told while all is ready, by one process of many, and its address never seen."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import Temporary
from service.health import CheckLimits, Readiness, WatchdogPinger
from service.health.watchdog import Watchdog
from service.model import Process, Role
from tests.support.app_fixture import Instance
from tests.support.fake_servers import Answer, Behaviour, HangUp, HttpEnd, Silence, http_end
from tests.support.log_capture import logged
from tests.support.ports import free_port
from tests.support.two_instances import twins

SECRET_PATH = "/ping/an-invented-check-id"


@pytest.fixture
def outside() -> Iterator[HttpEnd]:
    """The service that waits for our call."""
    with http_end() as end:
        yield end


def address(end: HttpEnd) -> str:
    return f"http://127.0.0.1:{end.port}{SECRET_PATH}"


async def tell(url: str, *, timeout_s: float = 30) -> None:
    watchdog = Watchdog(url, timeout_s=timeout_s)
    try:
        await watchdog.ping()
    finally:
        await watchdog.close()


def watch(instance: Instance, watchdog: Watchdog) -> WatchdogPinger:
    context = instance.service.context
    readiness = Readiness(
        context.store,
        context.jobs,
        heartbeat=instance.service.heartbeat,
        clock=instance.clock,
        limits=CheckLimits(cache_for_s=0),
    )
    return WatchdogPinger(readiness, watchdog)


async def test_its_address_is_fetched_and_the_answer_left_unread(outside: HttpEnd) -> None:
    outside.behave(Answer(body=b"x" * 5_000_000))

    await tell(address(outside))

    assert [got.url for got in outside.got] == [address(outside)]


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (Answer(status=404), "the watchdog answered 404"),
        (Answer(status=500), "the watchdog answered 500"),
        (
            Answer(status=302, headers=(("Location", "/elsewhere"),)),
            "the watchdog answered 302, a redirect",
        ),
        (HangUp(), "the watchdog could not be reached or hung up"),
        (Silence(), "the watchdog did not answer in time"),
    ],
)
async def test_any_other_behavior_of_the_watchdog_is_one_sentence_without_its_url(
    outside: HttpEnd, behaviour: Behaviour, sentence: str
) -> None:
    outside.behave(behaviour)

    with pytest.raises(Temporary, match=sentence) as told:
        await tell(address(outside), timeout_s=0.2 if isinstance(behaviour, Silence) else 30)

    assert "invented" not in str(told.value)
    assert len(outside.got) == 1


@pytest.mark.usefixtures("outside")  # which keeps the proxy of whoever runs the tests out of it
async def test_one_that_is_not_there_is_told_too() -> None:
    with pytest.raises(Temporary, match="the watchdog refused the connection"):
        await tell(f"http://127.0.0.1:{free_port()}/ping")


async def test_no_line_of_any_level_has_its_address(outside: HttpEnd) -> None:
    with logged(logging.DEBUG) as talk:
        logging.getLogger().setLevel(logging.DEBUG)
        await tell(address(outside))

    assert talk.lines != []
    assert "invented" not in talk.getvalue()


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_it_is_told_while_all_is_ready_and_at_no_other_time(instance: Instance, outside: HttpEnd) -> None:
    watchdog = Watchdog(address(outside))
    async with instance.running():
        await watch(instance, watchdog).ping()
        told = len(outside.got)
        instance.change("UPDATE alembic_version SET version_num = '0000'")
        with logged() as talk:
            await watch(instance, watchdog).ping()
    await watchdog.close()

    [line] = [line for line in talk.lines if line["event"].startswith("the watchdog")]
    assert (told, len(outside.got)) == (1, 1)
    assert (line["level"], line["event"]) == ("warning", "the watchdog is not told, for not all is ready")
    assert "roundsman migrate" in line["reason"]


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_a_worker_does_not_ping_the_watchdog_without_a_receiving_process(
    instance: Instance, outside: HttpEnd
) -> None:
    watchdog = Watchdog(address(outside))
    async with instance.running():
        instance.change("DELETE FROM heartbeats")
        instance.service.heartbeat._process = Process(role=Role.WORKER)
        with logged() as talk:
            await watch(instance, watchdog).ping()
    await watchdog.close()

    assert outside.got == []
    assert "no process that receives has been alive since the start" in talk.getvalue()


@pytest.mark.long
async def test_of_many_processes_one_tells_it_in_each_minute(
    url_in_real_time: str, tmp_path: Path, outside: HttpEnd
) -> None:
    began = time.time()
    async with twins(url_in_real_time, tmp_path, ROUNDSMAN_WATCHDOG_URL=address(outside)) as both:
        await both.until(lambda: outside.got != [])
        await both.settled()
    minutes = int(time.time() // 60) - int(began // 60) + 1

    assert 1 <= len(outside.got) <= minutes
