"""An incident without runs for long expires: it was not fixed, and no channel is told."""

from datetime import timedelta
from typing import Any

import pytest

from service.model import Color
from service.pipeline.judgment.expire import expire_incidents
from service.store.notifications import told
from tests.operations.incidents.test_incidents import get, happened, one, status
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

TRACK = "SELECT color, streak, incident_id FROM tracks ORDER BY branch"


async def expire(instance: Instance, **later: float) -> None:
    instance.clock.tick(**later)
    await instance.service.pipeline.expire_incidents()


@pytest.mark.parametrize(("branch", "days"), [("topic", 14), ("main", 30), ("master", 30)])
async def test_it_closes_when_its_time_is_over(instance: Instance, branch: str, days: int) -> None:
    red = run(1, "failed", branch=branch)
    await happened(instance, red)
    await expire(instance, days=days - 1, hours=22)
    assert (await one(instance))["state"] == "open"

    await expire(instance, hours=2)

    found = await one(instance)
    limit = (red.happened_at + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")
    assert (found["state"], found["closed_because"], found["closed_by"]) == ("closed", "expired", None)
    assert found["closed_at"].startswith(limit)
    assert instance.rows(TRACK) == [(None, 0, None)]
    assert (await status(instance, f"?project=web&branch={branch}"))["state"] == "unknown"


async def test_a_later_red_opens_a_new_one(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"))
    await expire(instance, days=15)
    await happened(instance, run(2, "failed", branch="topic", at=60 * 24 * 16))

    younger, older = (await get(instance, "incidents"))["items"]
    assert (younger["state"], younger["streak"], older["closed_because"]) == ("open", 1, "expired")


async def test_a_canceled_run_keeps_it_open(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"), run(2, "canceled", branch="topic", at=60 * 24 * 13))
    await expire(instance, days=2)

    assert (await one(instance))["state"] == "open"


async def test_many_expire_in_batches_and_the_others_stay(instance: Instance) -> None:
    topics: list[Any] = [run(number, "failed", branch=f"topic {number}") for number in range(5)]
    await happened(instance, *topics, run(9, "failed"))
    instance.clock.tick(days=15)

    await expire_incidents(instance.service.context, batch_size=2)

    assert [item["branch"] for item in (await get(instance, "incidents?state=open"))["items"]] == ["main"]
    assert len((await get(instance, "incidents?state=closed"))["items"]) == 5


async def test_no_channel_is_told_and_what_channels_were_told_is_forgotten(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"))
    [[track_id]] = instance.rows("SELECT id FROM tracks")
    await instance.service.context.store.write(told.put, (track_id, "web"), Color.RED, instance.clock())

    await expire(instance, days=15)
    await instance.drain()

    assert instance.rows("SELECT * FROM told") == []
    assert instance.channels.told == []


async def test_a_taken_one_stays_taken_on_record(instance: Instance) -> None:
    await happened(instance, run(1, "failed", branch="topic"))
    incident = await one(instance)
    await instance.http.post(f"/api/v1/incidents/{incident['id']}/take", json={"by": "Linh"})

    await expire(instance, days=15)

    assert (await one(instance))["taken"]["by"] == "Linh"
