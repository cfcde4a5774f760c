"""More messages than a channel's pace lets through in minutes are one, with each of them on record."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.channels.rate_limits import min_interval
from service.errors import Temporary
from service.model import Channel
from service.pipeline.waits.bursts import MAX_LAG
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

TELEGRAM = "tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12315544/"
LIMIT = MAX_LAG // min_interval(Channel(key="1", label="web (tgram)", kind="tgram", url=TELEGRAM))
ROUTES = """\
receivers:
  web: {channels: ["%s"]}
routes:
  - match: {branch: main}
    receiver: web
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman whose channel takes a message every three seconds."""
    async with an_instance(folder, ROUTES % TELEGRAM) as instance:
        yield instance


async def storm(instance: Instance, count: int, status: str = "failed", number: int = 901) -> None:
    """End workflows at once."""
    minutes = 30 * (number - 900)
    for n in range(count):
        run = replace(
            RED, workflow=f"w{n}", number=number, status=status, pushed_at=RED.pushed_at + timedelta(minutes=minutes)
        )
        await instance.finish(run)
    await instance.drain()


def titles(instance: Instance) -> list[str]:
    return [message.title for _, message in instance.channels.took]


@pytest.mark.long
async def test_as_many_as_the_pace_lets_through_are_told_each(instance: Instance) -> None:
    await storm(instance, 5)
    for _ in range(5):
        instance.clock.tick(seconds=3)
        await instance.drain()

    assert len(titles(instance)) == 5


@pytest.mark.long
async def test_a_storm_beyond_the_pace_is_one_message_and_nothing_is_lost(instance: Instance) -> None:
    assert LIMIT == 100
    await storm(instance, LIMIT + 2)
    instance.clock.tick(seconds=3)
    await instance.drain()

    told = titles(instance)
    assert told[-1].endswith(f"{LIMIT + 3 - len(told)} workflows broke in acme/web main")
    text = instance.channels.took[-1][1].text
    assert text.startswith(f"{LIMIT + 3 - len(told)} messages were due here at once")
    assert f"and {LIMIT + 3 - len(told) - 20} more" in text
    assert instance.rows("SELECT count(*) FROM told WHERE color = 'red'") == [(LIMIT + 2,)]
    assert instance.rows("SELECT count(*) FROM notifications WHERE state <> 'sent'") == [(0,)]


@pytest.mark.long
async def test_a_storm_that_is_over_when_it_could_be_told_is_told_to_no_one(instance: Instance) -> None:
    instance.channels.plan["web (tgram)"] = [Temporary("the channel is away")]
    await storm(instance, LIMIT + 2)
    before = len(titles(instance))
    await storm(instance, LIMIT + 2, "success", 902)
    for _ in range(5):
        instance.clock.tick(seconds=60)
        await instance.drain()

    red = instance.rows("SELECT count(*) FROM told WHERE color = 'red'")
    assert (red, len(titles(instance)) - before <= 2) == ([(0,)], True)
