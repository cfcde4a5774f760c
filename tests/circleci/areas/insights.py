"""Insights. They are answered with underscores, though some are described with hyphens.

The runs of jobs have left CircleCI's description: these are the fields of an earlier one.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from service.circleci.api.circleci_api import CircleCIAPI
from service.clock import now_utc
from service.testing.fake_circleci.insights_routes import flaky_row
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci.areas.builds import RED

SLUG = "/insights/{project-slug}"
OF_WORKFLOW = f"{SLUG}/workflows/{{workflow-name}}"
SUMMARY = {"name", "metrics", "window_start", "window_end"}

OPERATIONS: dict[str, tuple[str, str, set[str]]] = {
    "getProjectWorkflowMetrics": ("GET", f"{SLUG}/workflows", {*SUMMARY, "project_id"}),
    "getProjectWorkflowRuns": (
        "GET",
        OF_WORKFLOW,
        {"id", "branch", "duration", "created_at", "stopped_at", "credits_used", "status", "is_approval"},
    ),
    "getProjectWorkflowJobMetrics": ("GET", f"{OF_WORKFLOW}/jobs", SUMMARY),
    "getJobTimeseries": (
        "GET",
        "/insights/time-series/{project-slug}/workflows/{workflow-name}/jobs",
        {"name", "min_started_at", "max_ended_at", "timestamp", "metrics"},
    ),
    "getProjectWorkflowTestMetrics": (
        "GET",
        f"{OF_WORKFLOW}/test-metrics",
        {
            *("average_test_count", "most_failed_tests", "most_failed_tests_extra", "slowest_tests"),
            *("slowest_tests_extra", "total_test_runs", "test_runs"),
        },
    ),
    "getFlakyTests": ("GET", f"{SLUG}/flaky-tests", {"flaky_tests", "total_flaky_tests"}),
    "getProjectJobRuns": (
        "GET",
        f"{OF_WORKFLOW}/jobs/{{job-name}}",
        {"id", "status", "duration", "started_at", "stopped_at", "credits_used"},
    ),
}


def calls(api: CircleCIAPI, fake: FakeCircleCI) -> dict[str, Awaitable[Any]]:
    """Return a call of each endpoint of this area."""
    run = RED
    fake.run_finished(run)
    fake.insights.flaky = [flaky_row(run, run.jobs[0], test="test_clock", times=3)]
    slug, name, now = run.project.slug, run.workflow, now_utc()
    job = next(one.name for one in run.jobs if one.number)
    return {
        "workflow_summaries": api.insights.workflow_summaries(slug),
        "workflow_runs": api.insights.workflow_runs(slug, name, start=now - timedelta(days=30), end=now),
        "workflow_jobs_summaries": api.insights.workflow_jobs_summaries(slug, name),
        "job_time_series": api.insights.job_time_series(slug, name, start=now - timedelta(days=30), end=now),
        "workflow_test_metrics": api.insights.workflow_test_metrics(slug, name),
        "flaky_tests": api.insights.flaky_tests(slug),
        "job_runs": api.insights.job_runs(slug, name, job),
    }
