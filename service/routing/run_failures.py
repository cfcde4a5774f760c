"""The kind of a red run by its failures: flaky, known problem or new. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.model import DetailKind, Details, JobReport, RunFailures
from service.routing.known_problems import FAILED_JOB_STATUSES

NEEDED = frozenset({DetailKind.JOBS, DetailKind.TESTS})
"""The details without which the failures of a run are not known."""
UNKNOWN = RunFailures()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A failed test, or a failed job without tests, as earlier runs show it."""

    is_flaky: bool = False
    is_known: bool = False
    is_new: bool = True


def judge_failures(failures: Iterable[Failure], *, is_complete: bool = True) -> RunFailures:
    """Return the kind of a run: flaky or known if each failure is, new if one is.

    is_complete   each failed test and job is among the failures; else the run may be more than they show
    """
    listed = list(failures)
    if not listed or not is_complete:
        return UNKNOWN
    return RunFailures(
        flaky=all(one.is_flaky for one in listed),
        known_problem=all(one.is_known for one in listed),
        new_failure=any(one.is_new for one in listed),
        is_known=True,
    )


def has_all_failures(details: Details | None) -> bool:
    """Return whether details hold each failed job of a run, and each failed test."""
    if details is None or details.jobs is None or not details.wanted >= NEEDED:
        return False
    failed = [job for job in details.jobs if job.status in FAILED_JOB_STATUSES]
    return not any(missing.want in NEEDED for missing in details.missing) and all(map(_has_all_tests, failed))


def _has_all_tests(job: JobReport) -> bool:
    return job.tests is None or (job.tests.is_complete and job.tests.failed <= len(job.tests.failures))
