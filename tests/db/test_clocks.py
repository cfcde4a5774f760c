"""Clocks that jump, a day ahead or an hour back: nothing is lost, nothing is sent twice, and no loop spins."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.clock import DatabaseClock, now_utc
from service.errors import Temporary
from service.queue.embedded import EmbeddedQueue
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, Instance
from tests.support.fake_servers import Answer
from tests.support.queue_fixture import Watched
from tests.support.two_instances import Twins, twins

AWAY = Temporary("web (json) answered 503")
OTHER = replace(RED, number=RED.number + 1)


@dataclass
class WallClock:
    """The wall clock, set to another time."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return now_utc() + self.ahead


@dataclass(kw_only=True)
class Machines:
    """Two machines whose clocks jump, while the database's own does not."""

    clock: WallClock
    both: Twins

    async def put_off(self) -> None:
        """Have a message that did not get through, and waits for its next try."""
        self.both.end.behave(Answer(status=503), Answer())
        await self.both.post([workflow_completed(RED)])
        await self.both.until(lambda: self.both.rows("SELECT 1 FROM attempts WHERE outcome = 'put_off'") != [])


@pytest.fixture
async def machines(url_in_real_time: str, tmp_path: Path) -> AsyncIterator[Machines]:
    clock = WallClock()
    async with twins(url_in_real_time, tmp_path, clock=clock) as both:
        yield Machines(clock=clock, both=both)


@pytest.mark.long
async def test_on_many_machines_a_jump_of_a_day_sends_nothing_twice(machines: Machines) -> None:
    await machines.put_off()
    machines.clock.ahead = timedelta(days=1)
    await machines.both.post([workflow_completed(OTHER)])
    await machines.both.settled()

    assert len(machines.both.end.got) == 3
    assert machines.both.rows("SELECT count(*) FROM attempts WHERE outcome = 'sent'") == [(2,)]


@pytest.mark.long
async def test_on_many_machines_a_clock_set_back_an_hour_delays_and_loses_nothing(machines: Machines) -> None:
    """What is due by the database's clock is sent, whatever the worker's says."""
    await machines.put_off()
    machines.clock.ahead = timedelta(hours=-1)
    await machines.both.post([workflow_completed(OTHER)])
    await machines.both.settled()

    assert len(machines.both.end.got) == 3
    assert machines.both.rows("SELECT count(*) FROM attempts WHERE outcome = 'sent'") == [(2,)]


@pytest.mark.long
async def test_on_many_machines_a_clock_a_little_behind_the_databases_delays_no_second_try(machines: Machines) -> None:
    """What is due by the database's clock is not quite due by the worker's."""
    machines.clock.ahead = timedelta(seconds=-1.5)
    await machines.put_off()
    await machines.both.settled()

    assert len(machines.both.end.got) == 2


@pytest.mark.long
@pytest.mark.parametrize("off", [timedelta(minutes=10), timedelta(minutes=-10)])
async def test_machine_with_a_wrong_clock_uses_the_databases(
    url_in_real_time: str, tmp_path: Path, off: timedelta
) -> None:
    clock = DatabaseClock(WallClock(ahead=off))
    async with twins(url_in_real_time, tmp_path, clock=clock) as both:
        machines = Machines(clock=WallClock(), both=both)
        await machines.put_off()
        await both.settled()
        offset_s = both.services[0].context.metrics.registry.get_sample_value("roundsman_clock_offset_seconds")

    dated = both.rows("SELECT now() - started_at FROM attempts UNION ALL SELECT now() - received_at FROM deliveries")
    assert len(both.end.got) == 2
    assert [age for (age,) in dated if abs(age) > timedelta(minutes=2)] == []
    assert offset_s == pytest.approx(off.total_seconds(), abs=5)


@pytest.mark.long
async def test_a_turn_of_periodic_work_has_the_same_number_on_every_machine(
    url_in_real_time: str, tmp_path: Path
) -> None:
    """A machine that is ahead would take the next hours' turns, and after its end no machine would do that work."""
    async with twins(url_in_real_time, tmp_path, clock=DatabaseClock(WallClock(ahead=timedelta(days=1)))) as both:
        await both.until(lambda: both.rows("SELECT 1 FROM procrastinate_periodic_defers") != [])

    asked = "SELECT 1 FROM procrastinate_periodic_defers WHERE defer_timestamp > extract(epoch FROM now()) / 30 + 1"
    assert both.rows(asked) == []


@pytest.mark.long
async def test_in_one_process_a_jump_of_a_day_sends_nothing_twice(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY]
    await instance.finish(RED)
    await instance.drain()
    await instance.drain(days=1)
    await instance.service.pipeline.sweep()
    await instance.drain(minutes=5)

    assert len(instance.channels.tried) == 2
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_in_one_process_a_clock_set_back_an_hour_delays_and_loses_nothing(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY]
    await instance.finish(RED)
    await instance.drain()
    await instance.drain(hours=-1)
    await instance.finish(OTHER)
    await instance.drain()
    told_meanwhile = len(instance.channels.told)
    await instance.drain(hours=1, seconds=5)

    assert told_meanwhile == 1
    assert len(instance.channels.told) == 2


async def test_delivery_kept_before_a_clock_was_set_back_is_told_at_once(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain(hours=-1)
    told_meanwhile = list(instance.channels.told)
    await instance.drain(hours=1)

    assert (told_meanwhile, instance.channels.told) == (["web (json)"], ["web (json)"])


@pytest.mark.long
@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(hours=-1)])
async def test_clock_jump_causes_no_busy_loop(instance: Instance, jump: timedelta) -> None:
    await instance.finish(RED)
    await instance.drain()
    instance.clock.now += jump
    table, ticks = Watched(instance.service.context.store), asyncio.Semaphore(0)
    jobs = EmbeddedQueue(table, clock=instance.clock)
    jobs.schedule(0.01, _releasing(ticks))
    running = asyncio.create_task(jobs.run(instance.service.pipeline.handlers, instance.service.pipeline.failed))
    for _ in range(20):
        await ticks.acquire()
    jobs.stop()
    await running

    assert table.looks < 20


def _releasing(ticks: asyncio.Semaphore) -> Callable[[], Awaitable[None]]:
    async def tick() -> None:
        ticks.release()

    return tick
