"""Routes of the fake CircleCI for Insights: figures of its runs.

Keys have underscores, as the real service answers. Source: CircleCI's OpenAPI description of API v2; of the runs of
jobs, which it has no more, an earlier one.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from statistics import median

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci.organization import JobRun, Project, Run
from service.testing.fake_circleci.payloads import Payload, stamp
from service.testing.fake_circleci.responses import page
from service.testing.fake_circleci.webhooks import error_response

CREDITS_PER_MINUTE = 10
Timed = tuple[Run, float, str]
"""A run, or a job of it, with its duration in seconds and its status."""


class FakeInsights:
    """The figures of the fake CircleCI.

    runs          returns all runs
    find          returns a project by its slug
    has_job_runs  False: the runs of jobs are gone, as they are from CircleCI's reference
    flaky         the rows of flaky tests
    """

    def __init__(self, runs: Callable[[], Iterable[Run]], find: Callable[[str], Project | None]) -> None:
        self.has_job_runs = True
        self.flaky: list[Payload] = []
        self._runs = runs
        self._find = find

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes."""
        place = f"{prefix}/insights/{{slug:path}}/workflows"
        return [
            Route(f"{prefix}/insights/time-series/{{slug:path}}/workflows/{{workflow}}/jobs", self._series),
            Route(f"{prefix}/insights/{{slug:path}}/flaky-tests", self._flaky_tests),
            Route(place, self._summaries),
            Route(f"{place}/{{workflow}}/jobs", self._jobs),
            Route(f"{place}/{{workflow}}/jobs/{{job}}", self._job_runs),
            Route(f"{place}/{{workflow}}/test-metrics", self._test_metrics),
            Route(f"{place}/{{workflow}}", self._workflow_runs),
        ]

    def _of(self, request: Request) -> list[Run] | None:
        """Return the runs of a project's default branch; None: there is no such project."""
        slug: str = request.path_params["slug"]
        project = self._find("gh/" + slug.removeprefix("github/") if slug.startswith("github/") else slug)
        if project is None:
            return None
        branch = request.query_params.get("branch", "main")
        workflow = request.path_params.get("workflow")
        return [
            run
            for run in self._runs()
            if run.project == project and run.branch == branch and workflow in {None, run.workflow}
        ]

    async def _summaries(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None:
            return error_response(404, "Project not found")
        names = dict.fromkeys(run.workflow for run in runs)
        found = [_summary(name, [_timed(run) for run in runs if run.workflow == name], is_job=False) for name in names]
        return page(request, [one | {"project_id": runs[0].project.id} for one in found], size=100)

    async def _jobs(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None:
            return error_response(404, "Project not found")
        return page(request, [_summary(name, some, is_job=True) for name, some in _by_job(runs).items()], size=100)

    async def _series(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None:
            return error_response(404, "Project not found")
        items = []
        for name, some in _by_job(runs).items():
            for day in dict.fromkeys(run.pushed_at.date() for run, _, _ in some):
                of_day = [one for one in some if one[0].pushed_at.date() == day]
                metrics = _metrics(of_day) | {"median_credits_used": 10}
                metrics.pop("success_rate")
                metrics["duration_metrics"] |= {"total": 60}
                times = [run.pushed_at for run, _, _ in of_day]
                items.append(
                    {
                        "name": name,
                        "timestamp": f"{day.isoformat()}T00:00:00Z",
                        "min_started_at": stamp(min(times)),
                        "max_ended_at": stamp(max(times)),
                        "metrics": metrics,
                    }
                )
        return page(request, items, size=100)

    async def _workflow_runs(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None:
            return error_response(404, "Project not found")
        return page(request, [_run(run) for run in runs], size=100)

    async def _job_runs(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None or not self.has_job_runs:
            return error_response(404, "Not found")
        some = _by_job(runs).get(request.path_params["job"], [])
        items = [
            {
                "id": run.workflow_id,
                "status": status,
                "duration": round(seconds),
                "started_at": stamp(run.at(0)),
                "stopped_at": stamp(run.at(seconds)),
                "credits_used": round(seconds / 60 * CREDITS_PER_MINUTE),
            }
            for run, seconds, status in some
        ]
        return page(request, items, size=100)

    async def _test_metrics(self, request: Request) -> Response:
        runs = self._of(request)
        if runs is None:
            return error_response(404, "Project not found")
        failed = [_test_metric(job) for run in runs for job in run.jobs if job.tests]
        most = [one for some in failed for one in some]
        return JSONResponse(
            {
                "average_test_count": 100,
                "most_failed_tests": most[:10],
                "most_failed_tests_extra": 0,
                "slowest_tests": most[:10],
                "slowest_tests_extra": 0,
                "total_test_runs": len(runs),
                "test_runs": [],
            }
        )

    async def _flaky_tests(self, request: Request) -> Response:
        if self._of(request) is None:
            return error_response(404, "Project not found")
        total = len({(row["job_name"], row["test_name"]) for row in self.flaky})
        return JSONResponse({"flaky_tests": self.flaky, "total_flaky_tests": total})


def flaky_row(run: Run, job: JobRun, *, test: str, times: int) -> Payload:
    """Return a row of a flaky test: one of its instances."""
    return {
        "test_name": test,
        "classname": "tests.flaky",
        "file": None,
        "source": "unittest",
        "job_name": job.name,
        "job_number": job.number,
        "workflow_name": run.workflow,
        "workflow_id": run.workflow_id,
        "workflow_created_at": stamp(run.at(0)),
        "pipeline_number": run.number,
        "times_flaked": times,
        "time_wasted": 30,
    }


def _timed(run: Run) -> Timed:
    return run, (run.stopped_at - run.at(0)).total_seconds(), run.status


def _by_job(runs: Sequence[Run]) -> dict[str, list[Timed]]:
    found: dict[str, list[Timed]] = {}
    for run in runs:
        for job in run.jobs:
            if job.number is not None:
                found.setdefault(job.name, []).append((run, float(job.lasts_s), job.status))
    return found


def _summary(name: str, some: Sequence[Timed], *, is_job: bool) -> Payload:
    ends = [run.stopped_at for run, _, _ in some]
    recoveries = {} if is_job else {"mttr": None, "total_recoveries": None}
    return {
        "name": name,
        "window_start": stamp(min(ends) - timedelta(days=30)),
        "window_end": stamp(max(ends)),
        "metrics": _metrics(some) | recoveries,
    }


def _metrics(some: Sequence[Timed]) -> Payload:
    seconds = sorted(round(one) for _, one, _ in some)
    failed = sum(status == "failed" for _, _, status in some)
    good = sum(status == "success" for _, _, status in some)
    return {
        "total_runs": len(some),
        "successful_runs": good,
        "failed_runs": failed,
        "success_rate": good / len(some),
        "throughput": len(some) / 30,
        "total_credits_used": round(sum(seconds) / 60 * CREDITS_PER_MINUTE),
        "duration_metrics": {
            "min": seconds[0],
            "mean": round(sum(seconds) / len(seconds)),
            "median": round(median(seconds)),
            "p95": seconds[-1],
            "max": seconds[-1],
            "standard_deviation": 1.5,
        },
    }


def _run(run: Run) -> Payload:
    seconds = (run.stopped_at - run.at(0)).total_seconds()
    return {
        "id": run.workflow_id,
        "branch": run.branch,
        "duration": round(seconds),
        "created_at": stamp(run.at(0)),
        "stopped_at": stamp(run.stopped_at),
        "credits_used": round(seconds / 60 * CREDITS_PER_MINUTE),
        "status": run.status,
        "is_approval": False,
    }


def _test_metric(job: JobRun) -> list[Payload]:
    return [
        {
            "test_name": test.name,
            "classname": test.class_name,
            "file": test.file,
            "source": "unittest",
            "job_name": job.name,
            "flaky": False,
            "failed_runs": 1,
            "total_runs": 2,
            "p95_duration": test.run_time_s,
        }
        for test in job.tests
        if test.result == "failure"
    ]
