"""Runs of which tests failed, flaked and passed, and the verdicts on them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from service.testing.fake_circleci.organization import Run
from service.testing.sample_runs import VOUCHERS, suite
from tests.support.app_fixture import GREEN, RED, Instance


def run(number: int, status: str = "failed", *, attempt: int = 1, branch: str = "main", failed: int = 1) -> Run:
    """Return a run with as many failed tests; later attempts are reruns of the same commit."""
    base = RED if status == "failed" else GREEN
    jobs = tuple(replace(job, tests=suite(*VOUCHERS[:failed], of=214)) if job.tests else job for job in base.jobs)
    return replace(
        base,
        number=number,
        status=status,
        attempt=attempt,
        branch=branch,
        jobs=jobs if status == "failed" else base.jobs,
        pushed_at=RED.pushed_at + timedelta(minutes=20 * (number - 900) + 6 * attempt),
    )


def flaky_history(*numbers: int) -> list[Run]:
    """Return runs whose test failed, and passed in a rerun of the same commit."""
    return [one for number in numbers for one in (run(number), run(number, "success", attempt=2))]


async def post(instance: Instance, *posted: Run) -> str:
    """Post runs one by one; return the id of the last one's event."""
    last = ""
    for one in posted:
        last = await instance.finish(one)
        await settle(instance)
    return last


async def settle(instance: Instance) -> None:
    """Work until CircleCI has told all that it will tell in the time for details."""
    await instance.drain()
    for _ in range(5):
        if instance.fetches():
            await instance.drain(seconds=30)


async def verdicts(instance: Instance, event_id: str) -> dict[str, tuple[str, str]]:
    """Return verdict and reason of each route on an event."""
    shown: Any = await instance.show(event_id)
    return {one["route"]: (one["verdict"], one["reason"]) for one in shown["decisions"]}
