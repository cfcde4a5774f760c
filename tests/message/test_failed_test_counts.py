"""The number of failed tests: a fact when every report is complete, at least so many otherwise."""

import pytest

from service.message import compose
from service.model import Details, TestReport
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
