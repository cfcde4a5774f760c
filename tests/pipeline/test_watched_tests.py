"""Watched tests: the passes of those that failed in the last 30 days, and the runs that reruns repeat."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.organization import JobRun, Run, TestResult, sequential_jobs
from service.testing.sample_runs import VOUCHERS, suite
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

NOBODY = RED_TO_WEB.replace("[failed, error]", "[unauthorized]")
PASSING = tuple(replace(test, result="success") for test in VOUCHERS)


def run(base: Run, number: int, *jobs: JobRun, **changes: Any) -> Run:
    """Return a run some minutes after those with lower numbers."""
    pushed_at = RED.pushed_at + timedelta(minutes=10 * (number - 900))
    numbered = sequential_jobs(number * 10, *jobs)
    return replace(base, number=number, pushed_at=pushed_at, jobs=numbered, **changes)


def unit(*tests: TestResult, status: str = "success", name: str = "unit-tests") -> JobRun:
    return JobRun(name=name, status=status, tests=suite(*tests, of=20))


def red(number: int, *tests: TestResult, **changes: Any) -> Run:
    return run(RED, number, JobRun(name="lint"), unit(*(tests or VOUCHERS), status="failed"), **changes)


def green(number: int, **changes: Any) -> Run:
    return run(GREEN, number, JobRun(name="lint"), unit(*PASSING), **changes)


async def post(instance: Instance, *posted: Run) -> None:
    for one in posted:
        await instance.finish(one)
        await instance.drain(minutes=2)
        await instance.drain(minutes=2)


def asked(instance: Instance) -> Sequence[str]:
    """Return the jobs whose tests were asked for, by the ends of their addresses."""
    return [
        call.path.removesuffix("/tests").split("/")[-1]
        for call in instance.pretend.calls
        if call.path.endswith("/tests")
    ]


def results(instance: Instance) -> list[tuple[bool, int]]:
    query = (
        "SELECT r.failed, count(*) FROM test_results r JOIN tests t ON t.id = r.test_id WHERE t.name <> '' "
        "GROUP BY r.failed ORDER BY r.failed"
    )
    return [(bool(failed), count) for failed, count in instance.rows(query)]


async def test_a_green_run_of_the_default_branch_is_asked_for_the_job_of_a_watched_test(folder: Path) -> None:
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, red(901), green(902))

        assert asked(instance) == ["9011", "9021"]  # and not those of lint
        assert results(instance) == [(False, 3), (True, 3)]
        assert instance.rows("SELECT passes, fails FROM test_days") == [(1, 1)] * 3
        assert instance.channels.told == []
        assert instance.fetches() == []


@pytest.mark.long
async def test_without_a_watched_test_a_green_run_is_not_asked_for(folder: Path) -> None:
    others = [green(902, branch="cart"), green(903, workflow="deploy")]
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, green(900), red(901), *others)

        assert asked(instance) == ["9011"]


async def test_a_failure_on_a_branch_is_watched_on_the_default_branch(folder: Path) -> None:
    first = red(901, branch="cart")
    async with an_instance(folder, RED_TO_WEB) as instance:  # its message asks for the tests
        await post(instance, first, green(902))

        assert asked(instance)[-1] == "9021"
        assert results(instance) == [(False, 3), (True, 3)]


@pytest.mark.long
async def test_a_test_is_watched_for_30_days(folder: Path) -> None:
    failed, day = red(901), timedelta(days=1)
    within = replace(green(902), pushed_at=failed.pushed_at + 30 * day - timedelta(minutes=1))
    after = replace(green(903), pushed_at=failed.pushed_at + 30 * day + timedelta(minutes=10))
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, failed)
        instance.clock.tick(days=30)
        await post(instance, within, after)

        assert asked(instance) == ["9011", "9021"]


async def test_a_job_of_several_parts_is_watched_as_one(folder: Path) -> None:
    parts = [unit(*PASSING, name=f"unit-tests {part}/2") for part in (1, 2)]
    async with an_instance(folder, NOBODY) as instance:
        await post(
            instance, run(RED, 901, unit(*VOUCHERS, status="failed", name="unit-tests 1/2")), run(GREEN, 902, *parts)
        )

        assert sorted(asked(instance)) == ["9010", "9020", "9021"]


async def test_the_jobs_that_passed_in_a_red_run_are_asked_for_their_watched_tests(folder: Path) -> None:
    second = run(RED, 902, unit(*PASSING), JobRun(name="lint", status="failed"))
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, red(901), second)

        assert sorted(set(asked(instance))) == ["9011", "9020", "9021"]
        assert results(instance) == [(False, 3), (True, 3)]


async def test_what_a_rerun_repeats_is_asked_first(folder: Path) -> None:
    first = red(901, branch="cart")
    again = run(RED, 901, unit(VOUCHERS[0], *PASSING[1:], status="failed"), branch="cart", attempt=2, waited_s=600)
    again = replace(again, jobs=tuple(replace(job, number=9100) for job in again.jobs))
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, first, again)

        assert asked(instance) == ["9011", "9100"]
        assert results(instance) == [(False, 2), (True, 4)]


async def test_what_is_known_is_not_asked_again_by_each_rerun(folder: Path) -> None:
    first = red(901, branch="cart")
    lint = JobRun(name="lint", number=9100)
    reruns = [
        replace(green(901, branch="cart", attempt=attempt, waited_s=600 * attempt), jobs=(lint,)) for attempt in (2, 3)
    ]
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, first, *reruns)

        assert asked(instance) == ["9011", "9100", "9100"]


@pytest.mark.long
async def test_a_green_that_is_told_is_told_first(folder: Path) -> None:
    async with an_instance(folder, RED_TO_WEB.replace("[failed, error]", "[failed, success]")) as instance:
        await post(instance, red(901), green(902))

        assert len(instance.channels.told) == 2
        assert asked(instance) == ["9011", "9021"]


async def test_passes_of_jobs_without_tests_are_on_record_too(folder: Path) -> None:
    crashed = run(RED, 901, JobRun(name="lint", status="failed"), JobRun(name="build"))
    other = run(RED, 902, JobRun(name="lint"), JobRun(name="build", status="failed"))
    async with an_instance(folder, NOBODY) as instance:
        await post(instance, crashed, other)

        query = "SELECT t.job, r.failed FROM test_results r JOIN tests t ON t.id = r.test_id ORDER BY r.at, t.job"
        assert [(job, bool(failed)) for job, failed in instance.rows(query)] == [
            ("lint", True),
            ("build", True),
            ("lint", False),
        ]


async def test_the_cloud_is_asked_by_api_v3(folder: Path) -> None:
    first, second = red(901), green(902)
    async with an_instance(folder, NOBODY, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await post(instance, first, second)

        assert asked(instance) == [one.job_id(one.jobs[1]) for one in (first, second)]
        assert results(instance) == [(False, 3), (True, 3)]
