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
from tests.support.app_fixture import Instance, an_instance

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
async def instance(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as instance:
        yield instance


async def hear_of_jobs(instance: Instance) -> None:
    """A project whose hook posts jobs too."""
    await begin(instance)
    green = run(instance, 1481, minutes_ago=20)
    for job in green.jobs:
        if job.number:
            await instance.post(job_completed(green, job))
    await instance.finish(green)
    await instance.drain()


def webhooks_of(red: Run) -> list[Payload]:
    jobs = [job_completed(red, one) for one in red.jobs if one.number]
    return [*jobs, workflow_completed(red)]


def told(instance: Instance) -> list[str]:
    return sorted(instance.channels.told)


@pytest.mark.parametrize("first", ["webhook", "reconcile", "both at once"])
async def test_workflow_and_jobs_are_told_once_whichever_way_is_first(instance: Instance, first: str) -> None:
    await hear_of_jobs(instance)
    red = run(instance, 1490, "failed", minutes_ago=7)
    missed(instance, red)

    async def webhooks() -> None:
        await asyncio.gather(*(instance.post(one) for one in webhooks_of(red)))

    if first == "webhook":
        await webhooks()
        await reconcile(instance, steps=6)
    elif first == "reconcile":
        await reconcile(instance, steps=6)
        await webhooks()
    else:
        await reconcile(instance, steps=1)
        instance.clock.tick(seconds=60)
        await asyncio.gather(webhooks(), instance.service.pipeline.reconcile())
    await instance.drain()
    await reconcile(instance, steps=6)

    failed = sum(job.status == "failed" for job in red.jobs)
    assert told(instance) == sorted(["jobs (json)"] * failed + ["web (json)"])
    assert instance.rows("SELECT count(*) FROM runs WHERE pipeline_number = 1490") == [(1,)]
    assert instance.rows("SELECT count(*) FROM incidents") == [(1,)]


async def test_two_processes_judge_webhook_and_find_at_the_same_moment(instance: Instance) -> None:
    """Each decides on one of the two deliveries, of the same workflow and the same jobs."""
    await hear_of_jobs(instance)
    red = run(instance, 1490, "failed", minutes_ago=7)
    missed(instance, red)
    for _ in range(2):
        instance.clock.tick(seconds=60)
        await instance.service.pipeline.reconcile()
    other = Pipeline(instance.service.context)
    await asyncio.gather(*(instance.post(one) for one in webhooks_of(red)))

    for _ in range(6):
        await asyncio.gather(
            *(one.process(limit=2) for one in (instance.service.pipeline, other, instance.service.pipeline))
        )
    await instance.drain()
    await reconcile(instance, steps=6)

    failed = sum(job.status == "failed" for job in red.jobs)
    assert told(instance) == sorted(["jobs (json)"] * failed + ["web (json)"])
    assert instance.rows("SELECT count(*) FROM runs WHERE pipeline_number = 1490") == [(1,)]
    assert instance.rows("SELECT count(*) FROM incidents") == [(1,)]
    assert {via for (via,) in instance.rows("SELECT via FROM events WHERE pipeline_number = 1490")} == {
        "webhook",
        "reconcile",
    }


async def test_green_webhook_beside_a_green_find_ends_a_red_once(instance: Instance) -> None:
    await begin(instance)
    red = run(instance, 1485, "failed", minutes_ago=9)
    await instance.finish(red)
    await instance.drain()
    green = replace(run(instance, 1490, minutes_ago=7))
    missed(instance, green)
    await reconcile(instance, steps=1)
    instance.clock.tick(seconds=60)
    await asyncio.gather(instance.post(workflow_completed(green)), instance.service.pipeline.reconcile())
    await instance.drain()
    await reconcile(instance, steps=5)

    assert [message.news for _, message in instance.channels.took] == ["broke", "fixed"]
