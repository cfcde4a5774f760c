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
from tests.support.app_fixture import RED, House, a_house

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
async def house(folder: Path) -> AsyncIterator[House]:
    """A Roundsman whose channel takes a message every three seconds."""
    async with a_house(folder, ROUTES % TELEGRAM) as house:
        yield house


async def storm(house: House, count: int, status: str = "failed", number: int = 901) -> None:
    """End workflows at once."""
    minutes = 30 * (number - 900)
    for n in range(count):
        run = replace(
            RED, workflow=f"w{n}", number=number, status=status, pushed_at=RED.pushed_at + timedelta(minutes=minutes)
        )
        await house.finish(run)
    await house.drain()


def titles(house: House) -> list[str]:
    return [message.title for _, message in house.channels.took]


@pytest.mark.long
async def test_as_many_as_the_pace_lets_through_are_told_each(house: House) -> None:
    await storm(house, 5)
    for _ in range(5):
        house.clock.tick(seconds=3)
        await house.drain()

    assert len(titles(house)) == 5


@pytest.mark.long
async def test_a_storm_beyond_the_pace_is_one_message_and_nothing_is_lost(house: House) -> None:
    assert LIMIT == 100
    await storm(house, LIMIT + 2)
    house.clock.tick(seconds=3)
    await house.drain()

    told = titles(house)
    assert told[-1].endswith(f"{LIMIT + 3 - len(told)} workflows broke in acme/web main")
    text = house.channels.took[-1][1].text
    assert text.startswith(f"{LIMIT + 3 - len(told)} messages were due here at once")
    assert f"and {LIMIT + 3 - len(told) - 20} more" in text
    assert house.rows("SELECT count(*) FROM told WHERE color = 'red'") == [(LIMIT + 2,)]
    assert house.rows("SELECT count(*) FROM notifications WHERE state <> 'sent'") == [(0,)]


@pytest.mark.long
async def test_a_storm_that_is_over_when_it_could_be_told_is_told_to_no_one(house: House) -> None:
    house.channels.plan["web (tgram)"] = [Temporary("the channel is away")]
    await storm(house, LIMIT + 2)
    before = len(titles(house))
    await storm(house, LIMIT + 2, "success", 902)
    for _ in range(5):
        house.clock.tick(seconds=60)
        await house.drain()

    red = house.rows("SELECT count(*) FROM told WHERE color = 'red'")
    assert (red, len(titles(house)) - before <= 2) == ([(0,)], True)
