"""Blocks of failures: the failed jobs, and the failed tests of all jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain

from service.message.blocks import Aside, Block, Line, Words, link, untrusted
from service.message.status_text import FAILED_STATUSES, clock_time, duration_suffix, status_words
from service.model import FailedTest, JobReport, RedFacts, TestFailure, TestReport

MAX_JOBS = 10
MAX_TESTS = 10

Marks = Mapping[tuple[str, str], str]
"""Words on failed tests, by class or file and name."""


def failed_jobs(jobs: Sequence[JobReport]) -> list[JobReport]:
    """Return the jobs that failed or could not start."""
    return [job for job in jobs if job.status in FAILED_STATUSES]


def jobs_block(jobs: Sequence[JobReport]) -> Block:
    """Return the failed jobs, each linked to its logs; at most MAX_JOBS are named."""
    failed = failed_jobs(jobs)
    heading = "Failed job" if len(failed) == 1 else "Failed jobs"
    lines = tuple(_job(job) for job in failed[:MAX_JOBS])
    return Block(heading=(heading,), lines=lines, more=len(failed) - len(lines))


def tests_block(reports: Sequence[TestReport], *, is_open: bool, marks: Marks) -> Block:
    """Return the number of failed tests, and the first MAX_TESTS of them.

    Each has its name, its module and the first line of its message. CircleCI may count more than it names.

    is_open   there are jobs whose tests are not known
    marks     what earlier runs say of tests
    """
    failures = list(chain.from_iterable(report.failures for report in reports))
    count = sum(report.failed for report in reports)
    lines = tuple(_test(failure, marks) for failure in failures[:MAX_TESTS])
    is_open = is_open or not all(report.is_complete for report in reports)
    heading = _heading(count, reports, is_open=is_open)
    if count and not lines:
        return Block(lines=((f"{heading}; CircleCI names none of them.",),))
    return Block(heading=(heading,), lines=lines, more=max(count - len(lines), 0), is_open=is_open)


def step_block(job: JobReport) -> Block:
    """Return the end of the log of a job's failed step, or a link to it."""
    step = job.step
    if step is None:
        return Block(lines=())
    name = link(untrusted(f"{step.name} of {job.name}", 160), step.url)
    if not step.lines:
        return Block(lines=(("The log of ", *name, " could not be had."),))
    return Block(heading=("The log of ", *name, " ends"), lines=tuple(untrusted(line, 300) for line in step.lines))


def marks_of(red: RedFacts, at: datetime) -> Marks:
    """Return the words on failed tests of a run that ended then.

    None of a run of which no test learns: nearly all of it failed, or its job was cut off.
    """
    tests = () if red.remark else red.tests
    return {(one.test.suite, one.test.name): words for one in tests if (words := mark_of(one, at))}


def mark_of(one: FailedTest, at: datetime) -> str:
    """Return the words on a failed test, which do not contradict each other.

    A likely flaky test that passed before the run is not new: it fails again.
    """
    words = []
    if one.is_new:
        words.append("new" if one.flaky is None else "failing again")
    if one.failing_since is not None:
        words.append(f"failing since {clock_time(one.failing_since, at)}, in {one.failing_runs} runs")
    if one.flaky is not None:
        words.append(f"likely flaky: {one.flaky}")
    return "; ".join(words)


def _job(job: JobReport) -> Line:
    line = (*link(untrusted(job.name, 100), job.url), " ", *status_words(job.status), duration_suffix(job.duration_ms))
    return (*line, *_aside(job.messages[0] if job.messages else None))


def _heading(count: int, reports: Sequence[TestReport], *, is_open: bool) -> str:
    total = sum(sum(report.counts.values()) for report in reports)
    if is_open:
        return f"At least {count} {'test' if count == 1 else 'tests'} failed"
    if total > count:
        return f"{count} of {total} tests failed"
    return f"{count} {'test' if count == 1 else 'tests'} failed"


def _test(failure: TestFailure, marks: Marks) -> Line:
    """Return the name of a test, its mark and module, and its message's first line."""
    mark = marks.get((failure.class_name or failure.file or "", failure.name))
    marked = (f" ({mark})",) if mark else ()
    named: Line = (*untrusted(failure.name, 160), *marked, *_module(failure))
    return (*named, *_aside(next(iter((failure.message or "").strip().splitlines()), None), 160, is_alone=not named))


def _module(failure: TestFailure) -> Line:
    """Return the class and file of a test; the file alone if it says the class too."""
    class_name, file = failure.class_name or "", failure.file or ""
    is_said = bool(class_name) and class_name.replace(".", "/") in file
    name, place = () if is_said else untrusted(class_name, 120), untrusted(file, 120)
    words: Words = (*name, ", ", *place) if name and place else name or place
    return (Aside(words=(" in ", *words), is_module=True),) if words else ()


def _aside(text: str | None, max_length: int = 200, *, is_alone: bool = False) -> Line:
    words = untrusted(text, max_length)
    if is_alone:
        return words
    return (Aside(words=(": ", *words)),) if words else ()
