"""Muted incidents: what is kept back, and what is told when the mute ends."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app_fixture import Instance, an_instance
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
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


async def mute(instance: Instance, until: str) -> None:
    [incident] = (await instance.http.get("/api/v1/incidents?state=open")).json()["items"]
    answer = await instance.http.post(f"/api/v1/incidents/{incident['id']}/mute", json={"until": until})
    assert answer.status_code == 200, answer.text


async def states(instance: Instance, receiver: str) -> list[tuple[Any, ...]]:
    found = (await instance.http.get(f"/api/v1/notifications?receiver={receiver}")).json()["items"]
    return [(one["news"], one["state"], one["waits_for"], one["reason"]) for one in found]


async def muted_before_the_third_red(instance: Instance, until: str = "2h") -> None:
    await finish(instance, 901, "failed")
    await finish(instance, 902, "failed")
    await mute(instance, until)
    assert await finish(instance, 903, "failed") == []


@pytest.mark.long
async def test_what_is_still_red_is_told_once_to_who_was_not_told(instance: Instance) -> None:
    await muted_before_the_third_red(instance)
    assert await states(instance, "leads") == [("broke", "pending", "mute", None)]

    assert await later(instance, hours=1) == []
    assert await later(instance, hours=1, minutes=5) == [("leads (json)", "broke")]
    assert "muted until" in instance.channels.took[-1][1].text
    assert await later(instance, hours=5) == []


@pytest.mark.long
async def test_what_was_fixed_meanwhile_is_told_to_who_was_told_red_alone(instance: Instance) -> None:
    await muted_before_the_third_red(instance)

    assert await finish(instance, 904, "success") == [("web (json)", "fixed")]
    assert await later(instance, hours=3) == []
    assert [one[:2] for one in await states(instance, "leads")] == [("broke", "dropped")]


@pytest.mark.long
async def test_a_mute_that_is_ended_early_or_lasts_longer_decides(instance: Instance) -> None:
    await muted_before_the_third_red(instance)
    await mute(instance, "4h")

    assert await later(instance, hours=3) == []
    await mute(instance, "now")
    assert await later(instance, minutes=1) == [("leads (json)", "broke")]


@pytest.mark.long
async def test_until_it_is_fixed_is_until_then(instance: Instance) -> None:
    await muted_before_the_third_red(instance, until="fixed")

    assert await later(instance, hours=500 * 24 / 48) == []
    await mute(instance, "now")
    assert await later(instance, minutes=1) == [("leads (json)", "broke")]


@pytest.mark.long
async def test_what_expires_is_told_to_nobody(instance: Instance) -> None:
    await muted_before_the_third_red(instance, until="fixed")
    instance.clock.tick(days=31)
    await instance.service.pipeline.expire_incidents()
    await mute_none(instance)

    assert await later(instance, hours=3) == []
    assert [one[1::2] for one in await states(instance, "leads")] == [
        ("dropped", "its incident expired before it was told")
    ]


async def mute_none(instance: Instance) -> None:
    assert (await instance.http.get("/api/v1/incidents?state=open")).json()["items"] == []
