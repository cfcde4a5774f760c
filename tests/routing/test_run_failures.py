"""The kind of a run by its failures."""

from dataclasses import replace

import pytest

from service.model import DetailKind, Details, JobReport, MissingDetail, RunFailures, TestFailure, TestReport
from service.routing.run_failures import NEEDED, UNKNOWN, Failure, has_all_failures, judge_failures

FLAKY = Failure(is_flaky=True, is_new=False)
KNOWN = Failure(is_known=True, is_new=False)
OLD = Failure(is_new=False)
NEW = Failure()


@pytest.mark.parametrize(
    ("failures", "kind"),
    [
        ([FLAKY], RunFailures(flaky=True, known_problem=False, new_failure=False, is_known=True)),
        ([FLAKY, FLAKY], RunFailures(flaky=True, known_problem=False, new_failure=False, is_known=True)),
        ([FLAKY, NEW], RunFailures(flaky=False, known_problem=False, new_failure=True, is_known=True)),
        ([FLAKY, OLD], RunFailures(flaky=False, known_problem=False, new_failure=False, is_known=True)),
        ([KNOWN], RunFailures(flaky=False, known_problem=True, new_failure=False, is_known=True)),
        ([KNOWN, FLAKY], RunFailures(flaky=False, known_problem=False, new_failure=False, is_known=True)),
        ([Failure(is_flaky=True)], RunFailures(flaky=True, known_problem=False, new_failure=True, is_known=True)),
    ],
)
def test_a_run_is_flaky_or_known_by_each_failure_and_new_by_one(failures: list[Failure], kind: RunFailures) -> None:
    assert judge_failures(failures) == judge_failures(reversed(failures)) == kind


def test_a_run_of_which_too_little_is_known_is_new() -> None:
    assert judge_failures([]) == UNKNOWN == RunFailures(flaky=False, known_problem=False, new_failure=True)
    assert judge_failures([FLAKY], is_complete=False) == UNKNOWN


FAILURE = TestFailure(name="test_sum")
JOBS = (
    JobReport(name="build", status="success"),
    JobReport(name="unit-tests", status="failed", tests=TestReport(failures=(FAILURE,), counts={"failure": 1})),
    JobReport(name="lint", status="failed"),
)
KNOWN_DETAILS = Details(wanted=NEEDED, jobs=JOBS)


def with_tests(report: TestReport) -> Details:
    return replace(KNOWN_DETAILS, jobs=(replace(JOBS[1], tests=report),))


def test_all_failures_are_known_once_jobs_and_tests_were_told() -> None:
    assert has_all_failures(KNOWN_DETAILS)


@pytest.mark.parametrize(
    "details",
    [
        None,
        Details(),
        replace(KNOWN_DETAILS, wanted=frozenset({DetailKind.JOBS})),
        replace(KNOWN_DETAILS, jobs=None),
        *(
            replace(KNOWN_DETAILS, missing=(MissingDetail(want=want, reason="away", is_final=True),))
            for want in sorted(NEEDED)
        ),
        with_tests(TestReport(failures=(FAILURE,), counts={"failure": 2})),
        with_tests(TestReport(failures=(FAILURE,), counts={"failure": 1}, is_complete=False)),
    ],
)
def test_a_gap_may_hold_any_failure(details: Details | None) -> None:
    assert not has_all_failures(details)


def test_another_gap_hides_no_failure() -> None:
    missing = (MissingDetail(want=DetailKind.ACTOR, reason="away", is_final=True),)

    assert has_all_failures(replace(KNOWN_DETAILS, missing=missing))
