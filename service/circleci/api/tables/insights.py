"""The endpoints of Insights: figures that CircleCI counts once a day."""

from collections.abc import Mapping

from service.circleci.api.endpoint import Endpoint, Right


def _endpoint(path: str, purpose: str, operation: str, *, is_list: bool = True) -> Endpoint:
    return Endpoint(
        path=path,
        purpose=purpose,
        right=Right.READ,
        is_optional=True,
        is_list=is_list,
        operation=operation,
    )


INSIGHTS: Mapping[str, Endpoint] = {
    "workflow_summaries": _endpoint(
        "/insights/{slug}/workflows",
        "the runs, their share of success and their durations, on the pages of projects and builds and in digests",
        "getProjectWorkflowMetrics",
    ),
    "workflow_runs": _endpoint(
        "/insights/{slug}/workflows/{workflow}",
        "the runs that are not on record here, and what runs cost, on the page of a workflow",
        "getProjectWorkflowRuns",
    ),
    "workflow_jobs_summaries": _endpoint(
        "/insights/{slug}/workflows/{workflow}/jobs",
        "the durations and failures of jobs, on the page of a workflow",
        "getProjectWorkflowJobMetrics",
    ),
    "job_time_series": _endpoint(
        "/insights/time-series/{slug}/workflows/{workflow}/jobs",
        "the failed jobs of each day, on the page of a workflow",
        "getJobTimeseries",
    ),
    "workflow_test_metrics": _endpoint(
        "/insights/{slug}/workflows/{workflow}/test-metrics",
        "the tests that fail most and take longest, on the page of a workflow",
        "getProjectWorkflowTestMetrics",
        is_list=False,
    ),
    "flaky_tests": _endpoint(
        "/insights/{slug}/flaky-tests",
        "the tests that CircleCI calls flaky, on the page of tests",
        "getFlakyTests",
        is_list=False,
    ),
    "job_runs": _endpoint(
        "/insights/{slug}/workflows/{workflow}/jobs/{job}",
        "the last runs of the slowest job, on the page of a workflow; where it is gone, our own durations stand in",
        "getProjectJobRuns",
    ),
}
