"""Reports of jobs and their tests, made from the API's answers."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from service.circleci.api.responses import JobAnswer, ListedJob, TestShape
from service.circleci.json_fields import read_seconds, read_text
from service.circleci.links import job_url, web_url
from service.circleci.times import milliseconds_between
from service.model import FAILED_RESULTS, Event, JobReport, TestFailure, TestPass, TestReport

# Jobs that ran and failed have a page and perhaps tests. Jobs that never ran (error, unauthorized) count as failed in
# messages too, see message.status_text.FAILED_STATUSES, but have no details to fetch.
FAILED_JOB_STATUSES = frozenset({"failed", "timedout", "infrastructure_fail"})
PASSED_JOB_STATUSES = frozenset({"success"})
PASSED_RESULTS = frozenset({"success", "passed"})
MAX_FAILURES = 200
MAX_PASSES = 20_000
MAX_RESULTS = 20  # different ones: CircleCI's set of them is open
MAX_MESSAGES = 20
MAX_NEEDS = 20
OTHER_RESULTS = "other"
UNNAMED = "(no name)"


def job_of_event(event: Event) -> JobReport | None:
    """Return the job of a job event; None for other events."""
    if event.job is None:
        return None
    return JobReport(
        name=event.job.name or UNNAMED,
        status=event.status or "",
        number=event.job.number,
        id=event.job.id,
        url=job_url(event, event.job.number),
        duration_ms=event.duration_ms,
    )


def jobs_from_list(event: Event, listed: Sequence[ListedJob]) -> list[JobReport]:
    """Return the jobs of the workflow's list."""
    names = {job.id: job.name for job in listed if job.id and job.name}
    return [_job_from_list(event, job, names) for job in listed]


def _job_from_list(event: Event, job: ListedJob, names: Mapping[str, str]) -> JobReport:
    """Return a job of the list.

    names   of all jobs by their ids: one that a job waits for may be of an earlier run, and not in the list
    """
    return JobReport(
        name=job.name or UNNAMED,
        status=job.status or "",
        number=job.job_number,
        id=job.id,
        type=job.type,
        url=job_url(event, job.job_number),
        duration_ms=milliseconds_between(job.started_at, job.stopped_at),
        started_at=job.started_at,
        needs=tuple(dict.fromkeys(names[one] for one in job.dependencies if one in names))[:MAX_NEEDS],
    )


def with_job_details(report: JobReport, job: JobAnswer) -> JobReport:
    """Return the report with the facts that only the job's own endpoint gives.

    They are its web address, its duration and CircleCI's messages about it.
    """
    return replace(
        report,
        url=web_url(job.web_url) or report.url,
        duration_ms=report.duration_ms if job.duration is None else job.duration,
        messages=tuple(item.message for item in job.messages if item.message)[:MAX_MESSAGES],
    )


async def read_test_report(pages: AsyncIterator[tuple[TestReport, bool]]) -> TestReport | None:
    """Return the test results of a job, merged from its pages; None if it has none."""
    report = TestReport(is_complete=False)
    async for page, is_last in pages:
        report = TestReport(
            failures=(*report.failures, *page.failures)[:MAX_FAILURES],
            counts=limit_counts(Counter(report.counts) + Counter(page.counts)),
            is_complete=is_last,
            passes=(*report.passes, *page.passes)[:MAX_PASSES],
        )
    return report if report.counts else None


def read_tests(items: list[dict[str, Any]]) -> TestReport:
    """Return the test results of one page."""
    results = [read_text(item.get("result")) or "unknown" for item in items]
    failed = (item for item, result in zip(items, results, strict=True) if result in FAILED_RESULTS)
    passed = (item for item, result in zip(items, results, strict=True) if result in PASSED_RESULTS)
    return TestReport(
        failures=tuple(map(failure_of, islice(failed, MAX_FAILURES))),
        counts=limit_counts(Counter(results)),
        passes=tuple(map(pass_of, islice(passed, MAX_PASSES))),
    )


def limit_counts(counts: Counter[str]) -> dict[str, int]:
    """Return the counts of the most frequent results, and the sum of all others.

    Failures are always among those with a count of their own.
    """
    named = Counter({result: count for result, count in counts.items() if result != OTHER_RESULTS})
    kept = dict(named.most_common(MAX_RESULTS))
    kept |= {result: counts[result] for result in FAILED_RESULTS if counts[result]}
    rest = counts.total() - sum(kept.values())
    return kept | ({OTHER_RESULTS: rest} if rest else {})


def pass_of(item: dict[str, Any]) -> TestPass:
    """Return a test that passed, in the words of our model."""
    return TestPass(
        name=read_text(item.get("name")) or UNNAMED,
        class_name=read_text(item.get("classname")),
        file=read_text(item.get("file")),
        run_time_s=read_seconds(item.get("run_time")),
    )


def failure_of(item: dict[str, Any]) -> TestFailure:
    """Return a failed test in the words of our model."""
    test = TestShape.model_validate(item)
    return TestFailure(
        name=test.name or UNNAMED,
        class_name=test.classname,
        file=test.file,
        message=test.message,
        run_time_s=test.run_time,
    )
