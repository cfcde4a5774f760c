"""The reports of jobs and their tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import pytest

from service.circleci import reports
from service.model import DetailKind, Event, Job, JobReport, MissingDetail, TestReport
from tests.support.circleci_fixture import ALL, FAILURE, GOOD, JOB_EVENT, REPORT, TESTS, WORKFLOW_PAGE, Instance

FAILED = [{"name": "unit", "status": "failed", "job_number": 7}]


@pytest.mark.parametrize(
    ("status", "is_looked_into"),
    [
        ("failed", True),
        ("timedout", True),
        ("infrastructure_fail", True),
        ("canceled", False),
        ("unauthorized", False),
        ("success", False),
    ],
)
async def test_only_jobs_that_failed_are_looked_into(status: str, is_looked_into: bool) -> None:
    instance = Instance({"/workflow/w1/job": {"items": [{"name": "x", "status": status, "job_number": 1}]}})

    await instance.enrich(DetailKind.JOBS)

    assert ("/project/gh/acme/shop/job/1" in instance.asked) is is_looked_into


NEEDS: dict[str, tuple[object, tuple[str, ...]]] = {
    "two jobs": (["a", "b"], ("lint", "unit")),
    "one twice, one of an earlier run": (["b", "b", "elsewhere"], ("unit",)),
    "none": ([], ()),
    "an older answer": (None, ()),
    "no list": ({"a": 1}, ()),
    "a list of other things": ([{"id": "a"}, 7, None, "a"], ("lint",)),
    "more than are kept": ([f"n{n}" for n in range(30)], tuple(f"shard {n}" for n in range(20))),
}


@pytest.mark.parametrize("told", NEEDS)
async def test_a_job_names_those_that_it_waits_for(told: str) -> None:
    dependencies, needs = NEEDS[told]
    listed = [
        *({"id": one, "name": name, "status": "success"} for one, name in (("a", "lint"), ("b", "unit"))),
        *({"id": f"n{n}", "name": f"shard {n}", "status": "success"} for n in range(30)),
        {"id": "c", "name": "deploy", "status": "failed", "dependencies": dependencies},
    ]
    instance = Instance({"/workflow/w1/job": {"items": listed}})

    details = await instance.enrich(DetailKind.JOBS)

    assert details.jobs is not None
    assert {job.name: job.needs for job in details.jobs if job.needs or job.name == "deploy"} == {"deploy": needs}


async def test_no_more_than_ten_failed_jobs_are_looked_into() -> None:
    failed = [{"name": "x", "status": "failed", "job_number": number} for number in range(12)]
    instance = Instance({"/workflow/w1/job": {"items": failed}})

    details = await instance.enrich(DetailKind.JOBS)

    assert len(instance.asked) == 11
    assert details.jobs is not None
    assert len(details.jobs) == 12


async def test_jobs_that_are_not_looked_into_are_said_to_miss_their_tests() -> None:
    failed = [{"name": "x", "status": "failed", "job_number": number} for number in range(12)]
    found = {f"/project/gh/acme/shop/{number}/tests": TESTS for number in range(12)}
    instance = Instance({"/workflow/w1/job": {"items": failed}, **found})

    details = await instance.enrich(DetailKind.TESTS)

    [missing] = details.missing
    assert (missing.want, missing.reason) == (DetailKind.TESTS, "only 10 of 12 failed jobs were looked into")
    assert (missing.is_final, missing.is_by_choice) == (True, True)


async def test_a_job_event_asks_for_its_own_job_only() -> None:
    instance = Instance(GOOD)

    details = await instance.enrich(DetailKind.JOBS, DetailKind.TESTS, event=JOB_EVENT)

    assert sorted(instance.asked) == ["/project/gh/acme/shop/7/tests", "/project/gh/acme/shop/job/7"]
    assert details.jobs == (
        JobReport(
            name="unit",
            status="failed",
            number=7,
            url="https://app.circleci.com/jobs/gh/acme/shop/7",
            duration_ms=1_950,
            messages=("The disk is nearly full",),
            tests=REPORT,
        ),
    )


async def test_job_that_did_not_fail_is_reported_from_the_event_alone() -> None:
    instance = Instance(GOOD)
    event = Event(**{**vars(JOB_EVENT), "status": "success", "job": Job(number=7, status="success")})

    details = await instance.enrich(DetailKind.JOBS, DetailKind.TESTS, event=event)

    assert instance.asked == []
    assert details.jobs == (
        JobReport(name="(no name)", status="success", number=7, url=f"{WORKFLOW_PAGE}/jobs/7", duration_ms=900),
    )


async def test_a_failed_job_without_a_number_cannot_be_looked_into() -> None:
    event = Event(**{**vars(JOB_EVENT), "job": Job(name="unit", status="failed")})

    details = await Instance(GOOD).enrich(DetailKind.TESTS, event=event)

    assert [missing.reason for missing in details.missing] == ["the webhook did not say the number of job unit"]


async def test_failed_job_that_the_list_gives_no_number_is_the_lists_omission() -> None:
    listed = {"items": [{"id": "j1", "name": "unit", "status": "failed", "type": "build"}], "next_page_token": None}

    details = await Instance({**GOOD, "/workflow/w1/job": listed}).enrich(DetailKind.JOBS)

    [missing] = details.missing
    assert missing.reason == "CircleCI's list of jobs did not say the number of job unit"


async def test_a_page_address_that_is_no_web_address_is_not_passed_on() -> None:
    instance = Instance({**GOOD, "/project/gh/acme/shop/job/7": {"web_url": "javascript:alert(1)"}})

    details = await instance.enrich(DetailKind.JOBS, event=JOB_EVENT)

    assert details.jobs is not None
    assert (details.jobs[0].url, details.jobs[0].duration_ms) == (f"{WORKFLOW_PAGE}/jobs/7", 900)


async def test_test_results_that_come_late_are_worth_one_more_round() -> None:
    instance = Instance({**GOOD, "/project/gh/acme/shop/7/tests": {"items": [], "next_page_token": None}})

    early = await instance.enrich(DetailKind.TESTS)
    assert early.missing == (
        MissingDetail(want=DetailKind.TESTS, reason="no test results yet", is_final=False, retry_after_s=5),
    )

    instance.answers |= GOOD
    late = await instance.enrich(DetailKind.TESTS, known=early)
    assert late.missing == ()
    assert late.jobs is not None
    assert late.jobs[1].tests == REPORT


async def test_a_job_whose_results_were_there_is_not_asked_again_for_the_sake_of_one_that_is_late() -> None:
    late = {"name": "late", "status": "failed", "job_number": 8}
    instance = Instance(
        {**GOOD, "/workflow/w1/job": {"items": [*FAILED, late]}, "/project/gh/acme/shop/8/tests": {"items": []}}
    )
    early = await instance.enrich(DetailKind.TESTS)

    details = await instance.enrich(DetailKind.TESTS, known=early)

    assert instance.asked == ["/project/gh/acme/shop/8/tests"]
    assert details.jobs is not None
    assert [job.tests for job in details.jobs] == [REPORT, None]
    assert details.missing == ()


async def test_a_job_that_still_has_no_test_results_stores_none() -> None:
    instance = Instance({**GOOD, "/project/gh/acme/shop/7/tests": {"items": []}})
    early = await instance.enrich(DetailKind.TESTS)

    late = await instance.enrich(DetailKind.TESTS, known=early)

    assert late.missing == ()
    assert late.jobs is not None
    assert late.jobs[1].tests is None


async def report(*pages: Sequence[Mapping[str, object]], last: str | None = None) -> TestReport:
    def answer(page: str) -> dict[str, object]:
        number = int(page or 0)
        following = str(number + 1) if number + 1 < len(pages) else last
        return {"items": pages[min(number, len(pages) - 1)], "next_page_token": following}

    answering: Callable[[str], dict[str, object]] = answer
    details = await Instance({**GOOD, "/project/gh/acme/shop/7/tests": answering}).enrich(
        DetailKind.TESTS, event=JOB_EVENT
    )
    assert details.jobs is not None
    assert details.jobs[0].tests is not None
    return details.jobs[0].tests


async def test_test_results_of_any_name_are_counted_over_all_pages() -> None:
    tests = await report(
        [{"result": "success"}, {"result": "error"}], [{"result": "skipped"}, {}, {"result": "failure"}]
    )

    assert tests.counts == {"success": 1, "error": 1, "skipped": 1, "unknown": 1, "failure": 1}
    assert tests.is_complete


async def test_failed_test_is_kept_for_each_failed_result() -> None:
    words = ("error", "failed", "failure", "skipped", "success", "xfail")

    tests = await report([{"name": word, "result": word} for word in words])

    assert [failure.name for failure in tests.failures] == ["error", "failed", "failure"]
    assert tests.failed == 3


async def test_test_results_with_more_pages_than_we_read_are_incomplete() -> None:
    assert not (await report([{"result": "success"}], last="1")).is_complete


class Passed(dict[str, Any]):
    """A test that passed, and wants to be left alone."""

    def items(self) -> NoReturn:
        pytest.fail("nobody needs to read thousands of tests that passed, while everything else waits")


def test_of_passed_tests_only_the_number_is_read() -> None:
    tests = reports.read_tests([Passed(name="t", result="success"), FAILURE, Passed(name="u", result="skipped")])

    assert tests.counts == {"success": 1, "failure": 1, "skipped": 1}
    assert len(tests.failures) == 1


async def test_at_most_two_hundred_failures_are_kept_but_all_are_counted() -> None:
    tests = await report([FAILURE] * 150, [FAILURE] * 150, [FAILURE] * 150)

    assert len(tests.failures) == 200
    assert tests.counts == {"failure": 450}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.5, 0.5),
        ("1", 1.0),
        (3, 3.0),
        ("nan", None),
        ("x", None),
        (-1, None),
        (True, None),
        (None, None),
        (10**400, None),
    ],
)
async def test_the_time_a_test_took_may_come_in_any_shape(given: object, kept: float | None) -> None:
    assert (await report([{**FAILURE, "run_time": given}])).failures[0].run_time_s == kept


async def test_long_messages_of_failed_tests_are_cut() -> None:
    [failure] = (await report([{**FAILURE, "message": "x" * 5_000, "file": None}])).failures

    assert failure.message == "x" * 2_000
    assert failure.file is None


async def test_answers_of_the_wrong_shape_raise_nothing() -> None:
    instance = Instance({path: {"items": "none", "messages": 7, "vcs": [], "started_by": {}} for path in GOOD})

    details = await instance.enrich(*ALL)

    assert (details.actor, details.vcs, details.jobs) == (None, None, None)
    assert {missing.want for missing in details.missing} == ALL
