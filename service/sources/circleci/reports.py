"""How jobs and their tests ended: the API's answers in our words."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import islice
from typing import Any

from service.model import FAILED_RESULTS, Event, JobReport, TestFailure, TestReport
from service.sources.circleci.answers import JobAnswer, ListedJob, TestShape
from service.sources.circleci.client import Page
from service.sources.circleci.leaves import read_text
from service.sources.circleci.links import job_url, web_url
from service.sources.circleci.times import milliseconds_between

# What ran and failed has a page and perhaps tests. What never ran (error, unauthorized) is told as failed too, see
# message.words.BROKEN, but there is nothing to look into.
FAILED_JOB = frozenset({"failed", "timedout", "infrastructure_fail"})
MOST_FAILURES = 200
NAMELESS = "(no name)"


def job_of_event(event: Event) -> JobReport | None:
    """The job that a job event tells of; None for other events."""
    if event.job is None:
        return None
    return JobReport(
        name=event.job.name or NAMELESS,
        status=event.status or "",
        number=event.job.number,
        url=job_url(event, event.job.number),
        duration_ms=event.duration_ms,
    )


def listed(event: Event, job: ListedJob) -> JobReport:
    """A job as the workflow's list has it."""
    return JobReport(
        name=job.name or NAMELESS,
        status=job.status or "",
        number=job.job_number,
        type=job.type,
        url=job_url(event, job.job_number),
        duration_ms=milliseconds_between(job.started_at, job.stopped_at),
    )


def detailed(report: JobReport, job: JobAnswer) -> JobReport:
    """The report with what only the job's own page knows: its address, its time, and what went wrong around it."""
    return replace(
        report,
        url=web_url(job.web_url) or report.url,
        duration_ms=report.duration_ms if job.duration is None else job.duration,
        messages=tuple(said.message for said in job.messages if said.message),
    )


async def tested(pages: AsyncIterator[Page[dict[str, Any]]]) -> TestReport | None:
    """The test results of a job; None when it has none. Of thousands that passed nothing is read but that they did."""
    counts: Counter[str] = Counter()
    failures: list[TestFailure] = []
    is_complete = False
    async for page in pages:
        results = [read_text(item.get("result")) or "unknown" for item in page.items]
        counts.update(results)
        failed = (item for item, result in zip(page.items, results, strict=True) if result in FAILED_RESULTS)
        failures += map(failure_of, islice(failed, MOST_FAILURES - len(failures)))
        is_complete = page.is_last
    return TestReport(failures=tuple(failures), counts=dict(counts), is_complete=is_complete) if counts else None


def failure_of(item: dict[str, Any]) -> TestFailure:
    """A failed test in our words."""
    test = TestShape.model_validate(item)
    return TestFailure(
        name=test.name or NAMELESS,
        class_name=test.classname,
        file=test.file,
        message=test.message,
        run_time_s=test.run_time,
    )
