"""The kind of a run by its failures."""

import pytest

from service.routing.run_failures import UNKNOWN, Failure, RunFailures, judge_failures

FLAKY = Failure(is_flaky=True, is_new=False)
KNOWN = Failure(is_known=True, is_new=False)
OLD = Failure(is_new=False)
NEW = Failure()


@pytest.mark.parametrize(
    ("failures", "kind"),
    [
        ([FLAKY], RunFailures(flaky=True, known_problem=False, new_failure=False)),
        ([FLAKY, FLAKY], RunFailures(flaky=True, known_problem=False, new_failure=False)),
        ([FLAKY, NEW], RunFailures(flaky=False, known_problem=False, new_failure=True)),
        ([FLAKY, OLD], RunFailures(flaky=False, known_problem=False, new_failure=False)),
        ([KNOWN], RunFailures(flaky=False, known_problem=True, new_failure=False)),
        ([KNOWN, FLAKY], RunFailures(flaky=False, known_problem=False, new_failure=False)),
        ([Failure(is_flaky=True)], RunFailures(flaky=True, known_problem=False, new_failure=True)),
    ],
)
def test_a_run_is_flaky_or_known_by_each_failure_and_new_by_one(failures: list[Failure], kind: RunFailures) -> None:
    assert judge_failures(failures) == judge_failures(reversed(failures)) == kind


def test_a_run_of_which_too_little_is_known_is_new() -> None:
    assert judge_failures([]) == UNKNOWN == RunFailures(flaky=False, known_problem=False, new_failure=True)
    assert judge_failures([FLAKY], is_complete=False) == UNKNOWN
