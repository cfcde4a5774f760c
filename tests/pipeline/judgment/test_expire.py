"""An incident without runs for long expires: it was not fixed, and no channel is told."""

from datetime import timedelta
from typing import Any

import pytest

from service.model import Color
from service.pipeline.judgment.expire import expire_incidents
from service.store.notifications import told
from tests.operations.incidents.test_incidents import get, happened, one, status
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import House

pytestmark = pytest.mark.databases("sqlite", "postgres")

TRACK = "SELECT color, streak, incident_id FROM tracks ORDER BY branch"


async def expire(house: House, **later: float) -> None:
    house.clock.tick(**later)
    await house.service.pipeline.expire_incidents()


@pytest.mark.parametrize(("branch", "days"), [("topic", 14), ("main", 30), ("master", 30)])
async def test_it_closes_when_its_time_is_over(house: House, branch: str, days: int) -> None:
    red = run(1, "failed", branch=branch)
    await happened(house, red)
    await expire(house, days=days - 1, hours=22)
    assert (await one(house))["state"] == "open"

    await expire(house, hours=2)

    found = await one(house)
    limit = (red.happened_at + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")
    assert (found["state"], found["closed_because"], found["closed_by"]) == ("closed", "expired", None)
    assert found["closed_at"].startswith(limit)
    assert house.rows(TRACK) == [(None, 0, None)]
    assert (await status(house, f"?project=web&branch={branch}"))["state"] == "unknown"


async def test_a_later_red_opens_a_new_one(house: House) -> None:
    await happened(house, run(1, "failed", branch="topic"))
    await expire(house, days=15)
    await happened(house, run(2, "failed", branch="topic", at=60 * 24 * 16))

    younger, older = (await get(house, "incidents"))["items"]
    assert (younger["state"], younger["streak"], older["closed_because"]) == ("open", 1, "expired")


async def test_a_canceled_run_keeps_it_open(house: House) -> None:
    await happened(house, run(1, "failed", branch="topic"), run(2, "canceled", branch="topic", at=60 * 24 * 13))
    await expire(house, days=2)

    assert (await one(house))["state"] == "open"


async def test_many_expire_in_batches_and_the_others_stay(house: House) -> None:
    topics: list[Any] = [run(number, "failed", branch=f"topic {number}") for number in range(5)]
    await happened(house, *topics, run(9, "failed"))
    house.clock.tick(days=15)

    await expire_incidents(house.service.context, batch_size=2)

    assert [item["branch"] for item in (await get(house, "incidents?state=open"))["items"]] == ["main"]
    assert len((await get(house, "incidents?state=closed"))["items"]) == 5


async def test_no_channel_is_told_and_what_channels_were_told_is_forgotten(house: House) -> None:
    await happened(house, run(1, "failed", branch="topic"))
    [[track_id]] = house.rows("SELECT id FROM tracks")
    await house.service.context.store.write(told.put, (track_id, "web"), Color.RED, house.clock())

    await expire(house, days=15)
    await house.drain()

    assert house.rows("SELECT * FROM told") == []
    assert house.channels.told == []


async def test_a_taken_one_stays_taken_on_record(house: House) -> None:
    await happened(house, run(1, "failed", branch="topic"))
    incident = await one(house)
    await house.http.post(f"/api/v1/incidents/{incident['id']}/take", json={"by": "Linh"})

    await expire(house, days=15)

    assert (await one(house))["taken"]["by"] == "Linh"
