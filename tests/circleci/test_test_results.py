"""Test results: API v3 at the cloud, v2 elsewhere and where v3 does not give them."""

from dataclasses import replace

import pytest

from service.model import DetailKind, JobReport
from service.testing import sample_runs
from service.testing.fake_circleci.faults import Fault, broken, html_page, too_many
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run, TestResult
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.circleci_fixture import TOKEN, ask, paths
from tests.testing.test_fake_circleci import MONDAY

RED = sample_runs.web_main_red(MONDAY)
JOB = RED.jobs[1]
V3 = f"/v3/jobs/{RED.job_id(JOB)}/tests"
V2 = f"/v2/project/gh/acme/web/{JOB.number}/tests"
NEITHER = TestResult(name="test_alone", class_name="", file="tests/alone.py", result="failure")


@pytest.fixture
def fake() -> FakeCircleCI:
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    fake.run_finished(RED)
    return fake


def with_tests(*tests: TestResult, late_by: int = 0) -> Run:
    jobs = (replace(job, tests=tests, tests_late_by=late_by) if job.name == JOB.name else job for job in RED.jobs)
    return replace(RED, jobs=tuple(jobs))


def asked(fake: FakeCircleCI) -> list[str]:
    return [path for path in paths(fake) if path.endswith("/tests")]


async def failed_job(
    fake: FakeCircleCI, run: Run = RED, *, url: str = "https://circleci.com", api: str = "auto"
) -> JobReport:
    """Return the failed job of a run, all of whose tests are known."""
    fake.run_finished(run)
    details = await ask(fake, run, DetailKind.TESTS, url=url, api=api)
    assert details.missing == ()
    return (details.jobs or ())[1]


async def test_the_cloud_is_asked_once_for_all_results(fake: FakeCircleCI) -> None:
    job = await failed_job(fake)

    assert job.tests is not None
    assert job.tests.counts == {"success": 211, "failure": 3}
    assert {(one.class_name, one.message) for one in job.tests.failures} == {
        (one.class_name, one.message.strip()) for one in sample_runs.VOUCHERS
    }
    assert len(job.tests.passes) == 211
    assert asked(fake) == [V3]


@pytest.mark.parametrize(("api", "url"), [("auto", "https://ci.example.com"), ("v2", "https://circleci.com")])
async def test_a_server_is_asked_page_by_page(fake: FakeCircleCI, api: str, url: str) -> None:
    fake.has_v3 = False

    job = await failed_job(fake, api=api, url=url)

    assert job.tests is not None
    assert (job.tests.failed, job.tests.is_complete) == (3, True)
    assert asked(fake) == [V2] * 3


@pytest.mark.parametrize(
    "fault", [broken(404), broken(403), broken(410), broken(500), broken(501), html_page(404), html_page(200)]
)
async def test_where_v3_does_not_have_the_endpoint_v2_is_asked(fake: FakeCircleCI, fault: Fault) -> None:
    fake.faults.next("/jobs/*/tests", fault)

    job = await failed_job(fake)

    assert job.tests is not None
    assert job.tests.failed == 3
    assert asked(fake) == [V3, *[V2] * 3]


@pytest.mark.parametrize("fault", [broken(503), too_many("7"), html_page(502)])
async def test_a_circleci_that_is_down_is_asked_again_later(fake: FakeCircleCI, fault: Fault) -> None:
    fake.faults.next("/jobs/*/tests", fault)

    details = await ask(fake, RED, DetailKind.TESTS)

    assert [missing.is_final for missing in details.missing] == [False]
    assert asked(fake) == [V3]


async def test_tests_without_class_are_asked_of_v2_which_names_files(fake: FakeCircleCI) -> None:
    job = await failed_job(fake, with_tests(NEITHER))

    assert job.tests is not None
    assert [one.file for one in job.tests.failures] == ["tests/alone.py"]
    assert asked(fake) == [V3, V2]


async def test_where_v2_does_not_know_the_job_the_results_stay_without_files(fake: FakeCircleCI) -> None:
    fake.faults.next("/project/*/tests", broken(404))

    job = await failed_job(fake, with_tests(NEITHER))

    assert job.tests is not None
    assert [one.file for one in job.tests.failures] == [None]


@pytest.mark.parametrize("run", [with_tests(*JOB.tests, late_by=1), with_tests()])
async def test_no_results_yet_are_asked_for_once_more(fake: FakeCircleCI, run: Run) -> None:
    fake.run_finished(run)

    first = await ask(fake, run, DetailKind.TESTS)
    second = await ask(fake, run, DetailKind.TESTS, known=first)

    assert [(missing.reason, missing.is_final) for missing in first.missing] == [("no test results yet", False)]
    assert (second.missing, second.has_tests) == ((), True)
    assert asked(fake) == [V3, V3]


async def test_lines_that_cannot_be_read_are_remarked_and_the_others_count(fake: FakeCircleCI) -> None:
    lines = b'{"name": "test_a", "classname": "c", "result": "failure"}\n{"name": "test_b", "cl'
    fake.faults.next("/jobs/*/tests", Fault(status=200, body=lines))

    details = await ask(fake, RED, DetailKind.TESTS)

    assert [one.name for job in details.jobs or () if job.tests for one in job.tests.failures] == ["test_a"]
    [missing] = details.missing
    assert missing.reason == "job unit-tests: 1 of 2 test results could not be read"
    assert (missing.is_final, missing.is_by_choice, details.has_tests) == (True, False, False)


async def test_an_answer_that_is_packed_though_asked_as_it_is_goes_to_v2(fake: FakeCircleCI) -> None:
    fake.faults.next("/jobs/*/tests", Fault(headers={"Content-Encoding": "gzip"}))

    assert (await failed_job(fake)).tests is not None
    assert asked(fake)[:2] == [V3, V2]


async def test_results_of_jobs_that_passed_are_asked_of_v3_too(fake: FakeCircleCI) -> None:
    green = sample_runs.web_main_fixed(MONDAY)
    fake.run_finished(green)

    details = await ask(fake, green, DetailKind.PASSES)

    assert [len(job.tests.passes) if job.tests else None for job in details.jobs or ()] == [214, None]
    assert asked(fake) == [f"/v3/jobs/{green.job_id(job)}/tests" for job in green.jobs]


@pytest.mark.long
async def test_a_large_answer_comes_over_a_socket(fake: FakeCircleCI) -> None:
    many = sample_runs.suite(*sample_runs.VOUCHERS, of=30_000)
    async with serving(fake.app, listen("127.0.0.1", 0)) as address:
        job = await failed_job(fake, with_tests(*many), url=address, api="v3")

    assert job.tests is not None
    assert job.tests.counts == {"success": 29_997, "failure": 3}
    assert "Circle-Token".lower() in fake.calls[-1].headers
