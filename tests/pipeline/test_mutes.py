"""Muted incidents: what is kept back, and what is told when the mute ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app_fixture import House, a_house
from tests.support.told_runs import finish, later

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  leads: {channels: [json://leads.example.com]}
routes:
  - {name: thrice, match: {branch: main, streak: ">= 3"}, receiver: leads, continue: true}
  - {name: main, match: {branch: main}, receiver: web}
"""


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES) as house:
        yield house


async def mute(house: House, until: str) -> None:
    [incident] = (await house.http.get("/api/v1/incidents?state=open")).json()["items"]
    answer = await house.http.post(f"/api/v1/incidents/{incident['id']}/mute", json={"until": until})
    assert answer.status_code == 200, answer.text


async def states(house: House, receiver: str) -> list[tuple[Any, ...]]:
    found = (await house.http.get(f"/api/v1/notifications?receiver={receiver}")).json()["items"]
    return [(one["news"], one["state"], one["waits_for"], one["reason"]) for one in found]


async def muted_before_the_third_red(house: House, until: str = "2h") -> None:
    await finish(house, 901, "failed")
    await finish(house, 902, "failed")
    await mute(house, until)
    assert await finish(house, 903, "failed") == []


@pytest.mark.long
async def test_what_is_still_red_is_told_once_to_who_was_not_told(house: House) -> None:
    await muted_before_the_third_red(house)
    assert await states(house, "leads") == [("broke", "pending", "mute", None)]

    assert await later(house, hours=1) == []
    assert await later(house, hours=1, minutes=5) == [("leads (json)", "broke")]
    assert "muted until" in house.channels.took[-1][1].text
    assert await later(house, hours=5) == []


@pytest.mark.long
async def test_what_was_fixed_meanwhile_is_told_to_who_was_told_red_alone(house: House) -> None:
    await muted_before_the_third_red(house)

    assert await finish(house, 904, "success") == [("web (json)", "fixed")]
    assert await later(house, hours=3) == []
    assert [one[:2] for one in await states(house, "leads")] == [("broke", "dropped")]


@pytest.mark.long
async def test_a_mute_that_is_ended_early_or_lasts_longer_decides(house: House) -> None:
    await muted_before_the_third_red(house)
    await mute(house, "4h")

    assert await later(house, hours=3) == []
    await mute(house, "now")
    assert await later(house, minutes=1) == [("leads (json)", "broke")]


@pytest.mark.long
async def test_until_it_is_fixed_is_until_then(house: House) -> None:
    await muted_before_the_third_red(house, until="fixed")

    assert await later(house, hours=500 * 24 / 48) == []
    await mute(house, "now")
    assert await later(house, minutes=1) == [("leads (json)", "broke")]


@pytest.mark.long
async def test_what_expires_is_told_to_nobody(house: House) -> None:
    await muted_before_the_third_red(house, until="fixed")
    house.clock.tick(days=31)
    await house.service.pipeline.expire_incidents()
    await mute_none(house)

    assert await later(house, hours=3) == []
    assert [one[1::2] for one in await states(house, "leads")] == [
        ("dropped", "its incident expired before it was told")
    ]


async def mute_none(house: House) -> None:
    assert (await house.http.get("/api/v1/incidents?state=open")).json()["items"] == []
