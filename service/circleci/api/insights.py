"""Insights as methods, one for each endpoint.

Source: CircleCI API v2 reference, "Insights". CircleCI counts once a day; the last 24 hours may be missing, and
workflows on hold are. Without a branch the figures are of the default one. Durations are seconds. Not for billing.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator

from service.circleci.api.client import Client, Page
from service.circleci.api.request import Call
from service.circleci.api.tables.insights import INSIGHTS
from service.circleci.json_fields import Flag, Number, Seconds, Shape, Text, Time, read_maps

WINDOW = "last-30-days"


class DurationMetrics(Shape):
    """Durations in seconds."""

    median: Seconds = None
    p95: Seconds = None


class InsightMetrics(Shape):
    """The figures of a workflow, or of a job."""

    total_runs: Number = None
    successful_runs: Number = None
    failed_runs: Number = None
    success_rate: Seconds = None
    throughput: Seconds = None
    mttr: Number = None
    total_credits_used: Number = None
    duration_metrics: DurationMetrics = DurationMetrics()


class SummaryShape(Shape):
    """The summary of a workflow, or of a job."""

    name: Text = None
    metrics: InsightMetrics = InsightMetrics()
    window_start: Time = None
    window_end: Time = None


class WorkflowRunShape(Shape):
    """A run of a workflow."""

    id: Text = None
    branch: Text = None
    status: Text = None
    duration: Seconds = None
    created_at: Time = None
    stopped_at: Time = None
    credits_used: Number = None
    is_approval: Flag = False


class JobRunShape(Shape):
    """A run of a job."""

    id: Text = None
    status: Text = None
    duration: Seconds = None
    started_at: Time = None
    stopped_at: Time = None
    credits_used: Number = None


class SeriesShape(Shape):
    """The figures of a job on a day."""

    name: Text = None
    timestamp: Time = None
    metrics: InsightMetrics = InsightMetrics()


class TestMetric(Shape):
    """A test, as the metrics of tests name it."""

    test_name: Text = None
    classname: Text = None
    file: Text = None
    job_name: Text = None
    failed_runs: Number = None
    total_runs: Number = None
    p95_duration: Seconds = None
    flaky: Flag = False

    __test__ = False


TestMetricList = Annotated[tuple[TestMetric, ...], BeforeValidator(read_maps)]


class TestMetricsAnswer(Shape):
    """The metrics of the tests of a workflow."""

    average_test_count: Number = None
    total_test_runs: Number = None
    most_failed_tests: TestMetricList = ()
    slowest_tests: TestMetricList = ()

    __test__ = False


class FlakyTestShape(Shape):
    """An instance of a flaky test; one test may have several."""

    test_name: Text = None
    classname: Text = None
    file: Text = None
    job_name: Text = None
    workflow_name: Text = None
    times_flaked: Number = None
    time_wasted: Seconds = None


class FlakyTestsAnswer(Shape):
    """The flaky tests of a project in 14 days, on all branches."""

    flaky_tests: Annotated[tuple[FlakyTestShape, ...], BeforeValidator(read_maps)] = ()
    total_flaky_tests: Seconds = None


class InsightsAPI:
    """The figures that CircleCI counts."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def workflow_summaries(self, slug: str) -> Page[SummaryShape]:
        """Return the summaries of a project's workflows, of its default branch in 30 days."""
        query = {"reporting-window": WINDOW}
        call = Call(endpoint=INSIGHTS["workflow_summaries"], parts={"slug": slug}, query=query)
        return await self._client.read_list(call, SummaryShape)

    async def workflow_runs(
        self, slug: str, workflow: str, *, start: datetime, end: datetime
    ) -> Page[WorkflowRunShape]:
        """Return the runs of a workflow on the default branch in a time, 90 days at most."""
        query = {"start-date": _stamp(start), "end-date": _stamp(end)}
        return await self._client.read_list(_of_workflow("workflow_runs", slug, workflow, query), WorkflowRunShape)

    async def workflow_jobs_summaries(self, slug: str, workflow: str) -> Page[SummaryShape]:
        """Return the summaries of a workflow's jobs, of the default branch in 30 days."""
        call = _of_workflow("workflow_jobs_summaries", slug, workflow, {"reporting-window": WINDOW})
        return await self._client.read_list(call, SummaryShape)

    async def job_time_series(self, slug: str, workflow: str, *, start: datetime, end: datetime) -> Page[SeriesShape]:
        """Return the figures of the jobs of a workflow on each day of a time."""
        query = {"granularity": "daily", "start-date": _stamp(start), "end-date": _stamp(end)}
        return await self._client.read_list(_of_workflow("job_time_series", slug, workflow, query), SeriesShape)

    async def workflow_test_metrics(self, slug: str, workflow: str) -> TestMetricsAnswer:
        """Return the metrics of the tests of a workflow, of the default branch."""
        return await self._client.ask(_of_workflow("workflow_test_metrics", slug, workflow, {}), TestMetricsAnswer)

    async def flaky_tests(self, slug: str) -> FlakyTestsAnswer:
        """Return the flaky tests of a project."""
        return await self._client.ask(Call(endpoint=INSIGHTS["flaky_tests"], parts={"slug": slug}), FlakyTestsAnswer)

    async def job_runs(self, slug: str, workflow: str, job: str) -> Page[JobRunShape]:
        """Return the last runs of a job.

        The endpoint has left CircleCI's reference, and may be gone.
        """
        parts = {"slug": slug, "workflow": workflow, "job": job}
        return await self._client.read_list(Call(endpoint=INSIGHTS["job_runs"], parts=parts), JobRunShape)


def _of_workflow(name: str, slug: str, workflow: str, query: dict[str, str]) -> Call:
    return Call(endpoint=INSIGHTS[name], parts={"slug": slug, "workflow": workflow}, query=query)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
