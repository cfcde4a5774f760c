"""A webhook that comes while asking finds it missing: one run, one message, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import Payload, job_completed, workflow_completed
from tests.pipeline.reconciling.test_reconcile import begin, missed, reconcile, run
from tests.support.app_fixture import House, a_house

pytestmark = [pytest.mark.databases("sqlite", "postgres"), pytest.mark.long]

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  jobs: {channels: [json://jobs.example.com]}
routes:
  - {match: {branch: main}, receiver: web, continue: true}
  - {match: {event: job-completed, status: failed}, receiver: jobs}
"""


@pytest.fixture(params=["v3", "v2"])
async def house(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as house:
        yield house


async def hear_of_jobs(house: House) -> None:
    """A project whose hook posts jobs too."""
    await begin(house)
    green = run(house, 1481, minutes_ago=20)
    for job in green.jobs:
        if job.number:
            await house.post(job_completed(green, job))
    await house.finish(green)
    await house.drain()


def webhooks_of(red: Run) -> list[Payload]:
    jobs = [job_completed(red, one) for one in red.jobs if one.number]
    return [*jobs, workflow_completed(red)]


def told(house: House) -> list[str]:
    return sorted(house.channels.told)


@pytest.mark.parametrize("first", ["webhook", "reconcile", "both at once"])
async def test_workflow_and_jobs_are_told_once_whichever_way_is_first(house: House, first: str) -> None:
    await hear_of_jobs(house)
    red = run(house, 1490, "failed", minutes_ago=7)
    missed(house, red)

    async def webhooks() -> None:
        await asyncio.gather(*(house.post(one) for one in webhooks_of(red)))

    if first == "webhook":
        await webhooks()
        await reconcile(house, steps=6)
    elif first == "reconcile":
        await reconcile(house, steps=6)
        await webhooks()
    else:
        await reconcile(house, steps=1)
        house.clock.tick(seconds=60)
        await asyncio.gather(webhooks(), house.service.pipeline.reconcile())
    await house.drain()
    await reconcile(house, steps=6)

    failed = sum(job.status == "failed" for job in red.jobs)
    assert told(house) == sorted(["jobs (json)"] * failed + ["web (json)"])
    assert house.rows("SELECT count(*) FROM runs WHERE pipeline_number = 1490") == [(1,)]
    assert house.rows("SELECT count(*) FROM incidents") == [(1,)]


async def test_two_processes_judge_webhook_and_find_at_the_same_moment(house: House) -> None:
    """Each decides on one of the two deliveries, of the same workflow and the same jobs."""
    await hear_of_jobs(house)
    red = run(house, 1490, "failed", minutes_ago=7)
    missed(house, red)
    for _ in range(2):
        house.clock.tick(seconds=60)
        await house.service.pipeline.reconcile()
    other = Pipeline(house.service.context)
    await asyncio.gather(*(house.post(one) for one in webhooks_of(red)))

    for _ in range(6):
        await asyncio.gather(*(one.process(limit=2) for one in (house.service.pipeline, other, house.service.pipeline)))
    await house.drain()
    await reconcile(house, steps=6)

    failed = sum(job.status == "failed" for job in red.jobs)
    assert told(house) == sorted(["jobs (json)"] * failed + ["web (json)"])
    assert house.rows("SELECT count(*) FROM runs WHERE pipeline_number = 1490") == [(1,)]
    assert house.rows("SELECT count(*) FROM incidents") == [(1,)]
    assert {via for (via,) in house.rows("SELECT via FROM events WHERE pipeline_number = 1490")} == {
        "webhook",
        "reconcile",
    }


async def test_green_webhook_beside_a_green_find_ends_a_red_once(house: House) -> None:
    await begin(house)
    red = run(house, 1485, "failed", minutes_ago=9)
    await house.finish(red)
    await house.drain()
    green = replace(run(house, 1490, minutes_ago=7))
    missed(house, green)
    await reconcile(house, steps=1)
    house.clock.tick(seconds=60)
    await asyncio.gather(house.post(workflow_completed(green)), house.service.pipeline.reconcile())
    await house.drain()
    await reconcile(house, steps=5)

    assert [message.news for _, message in house.channels.took] == ["broke", "fixed"]
