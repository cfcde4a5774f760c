"""The number of failed tests: a fact when every report is complete, at least so many otherwise.

CircleCI may count more than it names, and the message says how many those are.
"""

import pytest

from service.message import compose
from service.model import DetailKind, Details, MissingDetail, TestReport
from tests.message.test_message import a_job, a_workflow, failures


@pytest.mark.parametrize(
    ("are_complete", "heading"),
    [
        ((True, True), "4 of 10 tests failed"),
        ((True, False), "At least 4 tests failed"),
        ((False, True), "At least 4 tests failed"),
        ((False, False), "At least 4 tests failed"),
    ],
)
def test_count_of_failed_tests_is_a_fact_only_when_every_report_is_complete(
    are_complete: tuple[bool, bool], heading: str
) -> None:
    counts = {"failure": 2, "success": 3}
    jobs = tuple(
        a_job(tests=TestReport(failures=failures(2), counts=counts, is_complete=is_complete))
        for is_complete in are_complete
    )

    assert heading in compose(a_workflow(), Details(jobs=jobs)).text


@pytest.mark.parametrize(
    ("named", "counted", "is_complete", "last"),
    [
        (1, 5, True, "- and 4 more"),
        (10, 1_000, True, "- and 990 more"),
        (200, 1_000, True, "- and 990 more"),
        (2, 5, False, "- and at least 3 more"),
        (0, 5, True, "5 of 6 tests failed; CircleCI names none of them."),
        (0, 5, False, "At least 5 tests failed; CircleCI names none of them."),
    ],
)
def test_failed_tests_that_are_counted_but_not_named_are_told(
    named: int, counted: int, is_complete: bool, last: str
) -> None:
    report = TestReport(failures=failures(named), counts={"failure": counted, "success": 1}, is_complete=is_complete)

    message = compose(a_workflow(), Details(jobs=(a_job(tests=report),)))

    assert message.text.splitlines()[-1] == last
    assert message.markdown.splitlines()[-1] == last
    assert last.removeprefix("- ") in message.html


@pytest.mark.parametrize("counted", [0, 2])
def test_failed_tests_that_are_all_named_have_no_rest(counted: int) -> None:
    report = TestReport(failures=failures(2), counts={"failure": counted, "success": 1}, is_complete=False)

    assert compose(a_workflow(), Details(jobs=(a_job(tests=report),))).text.endswith("- test_1 in CartTest: no 1")


def test_jobs_whose_tests_are_not_known_leave_the_number_open() -> None:
    missing = MissingDetail(want=DetailKind.TESTS, reason="only 10 of 12 failed jobs were looked into", is_final=True)
    report = TestReport(failures=failures(12), counts={"failure": 12, "success": 5})

    told = compose(a_workflow(), Details(jobs=(a_job(tests=report),), missing=(missing,))).text

    assert "At least 12 tests failed" in told
    assert "- and at least 2 more" in told
