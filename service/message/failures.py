"""What failed: the jobs, and the tests of all jobs together."""

from collections.abc import Sequence
from itertools import chain

from service.message.story import Block, Line, joined, linked, said
from service.message.words import BROKEN, after, status_words
from service.model import JobReport, TestFailure, TestReport

MOST_JOBS = 10
MOST_TESTS = 10


def jobs_block(jobs: Sequence[JobReport]) -> Block:
    """The failed jobs, each linked to its logs."""
    failed = [job for job in jobs if job.status in BROKEN]
    heading = "Failed job" if len(failed) == 1 else "Failed jobs"
    return Block(heading=(heading,), lines=_first(MOST_JOBS, [_job(job) for job in failed], len(failed)))


def tests_block(reports: Sequence[TestReport]) -> Block:
    """How many tests failed, and the first of them: name, place, and the first line of what they said."""
    failures = list(chain.from_iterable(report.failures for report in reports))
    count = sum(report.failed for report in reports)
    lines = _first(MOST_TESTS, [_test(failure) for failure in failures], count)
    return Block(heading=(_heading(count, reports),), lines=lines)


def _first(most: int, lines: list[Line], count: int) -> tuple[Line, ...]:
    shown = lines[:most]
    more: list[Line] = [(f"and {count - len(shown)} more",)] if shown and count > len(shown) else []
    return (*shown, *more)


def _job(job: JobReport) -> Line:
    line = (*linked(said(job.name, 100), job.url), " ", *status_words(job.status), after(job.duration_ms))
    return joined([line, said(job.messages[0] if job.messages else None)], ": ")


def _heading(count: int, reports: Sequence[TestReport]) -> str:
    total = sum(sum(report.counts.values()) for report in reports)
    if not all(report.is_complete for report in reports):
        return f"At least {count} {'test' if count == 1 else 'tests'} failed"
    if total > count:
        return f"{count} of {total} tests failed"
    return f"{count} {'test' if count == 1 else 'tests'} failed"


def _test(failure: TestFailure) -> Line:
    name = said(".".join(filter(None, [failure.class_name, failure.name])), 160)
    place = said(failure.file, 120)
    message = said(next(iter((failure.message or "").strip().splitlines()), None), 160)
    return joined([joined([name, ("in ", *place) if place else ()]), message], ": ")
