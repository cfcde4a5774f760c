"""Runs whose tests fail or pass, posted one after the other."""

from dataclasses import replace
from datetime import timedelta

from service.testing.fake_circleci.organization import Run, TestResult
from service.testing.sample_runs import suite
from tests.support.app_fixture import GREEN, RED, Instance


def run(number: int, *failing: TestResult, branch: str = "main", attempt: int = 1) -> Run:
    """Return a run in which these tests fail; a green one if none do."""
    base = RED if failing else GREEN
    jobs = tuple(replace(job, tests=suite(*failing, of=214)) if job.tests else job for job in base.jobs)
    pushed_at = RED.pushed_at + timedelta(minutes=10 * (number - 900) + attempt)
    return replace(base, number=number, attempt=attempt, branch=branch, jobs=jobs, pushed_at=pushed_at)


async def post(instance: Instance, *posted: Run) -> None:
    """Post runs, each of which is judged before the next comes."""
    for one in posted:
        await instance.finish(one)
        await instance.drain()
