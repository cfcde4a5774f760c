"""What failed: the jobs, and the tests of all jobs together."""

from collections.abc import Sequence
from itertools import chain

from service.message.blocks import Aside, Block, Line, joined, linked, said
from service.message.status_text import BROKEN, after, status_words
from service.model import JobReport, TestFailure, TestReport

MOST_JOBS = 10
MOST_TESTS = 10


def jobs_block(jobs: Sequence[JobReport]) -> Block:
    """The failed jobs, each linked to its logs."""
    failed = [job for job in jobs if job.status in BROKEN]
    heading = "Failed job" if len(failed) == 1 else "Failed jobs"
    lines = tuple(_job(job) for job in failed[:MOST_JOBS])
    return Block(heading=(heading,), lines=lines, more=len(failed) - len(lines))


def tests_block(reports: Sequence[TestReport]) -> Block:
    """How many tests failed, and the first of them: name, place, and the first line of what they said."""
    failures = list(chain.from_iterable(report.failures for report in reports))
    count = sum(report.failed for report in reports)
    lines = tuple(_test(failure) for failure in failures[:MOST_TESTS])
    return Block(heading=(_heading(count, reports),), lines=lines, more=max(count - len(lines), 0))


def _job(job: JobReport) -> Line:
    line = (*linked(said(job.name, 100), job.url), " ", *status_words(job.status), after(job.duration_ms))
    return (*line, *_aside(job.messages[0] if job.messages else None))


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
    named = joined([name, ("in ", *place) if place else ()])
    return (*named, *_aside(next(iter((failure.message or "").strip().splitlines()), None), 160, is_alone=not named))


def _aside(text: str | None, longest: int = 200, *, is_alone: bool = False) -> Line:
    words = said(text, longest)
    if is_alone:
        return words
    return (Aside(words=(": ", *words)),) if words else ()
