"""The facts that are kept of CircleCI's Insights. Pure.

Each is a small map of JSON: the names that CircleCI gives, and figures. Durations are seconds.
"""

from collections.abc import Collection, Iterable, Sequence
from statistics import median
from typing import Any

from service.circleci.api.insights import (
    FlakyTestsAnswer,
    JobRunShape,
    SeriesShape,
    SummaryShape,
    TestMetric,
    TestMetricsAnswer,
    WorkflowRunShape,
)
from service.circleci.api.organizations import OrganizationSummary

Facts = dict[str, Any]

MAX_WORKFLOWS = 60
MAX_JOBS = 40
MAX_RUNS = 100
MAX_DAYS = 30
MAX_TESTS = 10
MAX_FLAKY = 30
MAX_PROJECTS = 60
MAX_NAMES = 500


def summary_facts(shapes: Iterable[SummaryShape], most: int = MAX_WORKFLOWS) -> Facts:
    """Return the figures of workflows or of jobs, those with most runs first."""
    items = [
        {
            "name": one.name,
            "runs": one.metrics.total_runs or 0,
            "failed": one.metrics.failed_runs,
            "share": one.metrics.success_rate,
            "median_s": one.metrics.duration_metrics.median,
            "p95_s": one.metrics.duration_metrics.p95,
            "recovery_s": one.metrics.mttr,
            "credits": one.metrics.total_credits_used,
        }
        for one in shapes
        if one.name
    ]
    return {"items": sorted(items, key=lambda one: -int(one["runs"] or 0))[:most]}


def run_facts(shapes: Sequence[WorkflowRunShape]) -> Facts:
    """Return ids and credits of the newest runs, and the median of successful ones."""
    runs = [one for one in shapes if one.id and not one.is_approval][:MAX_RUNS]
    green = [one.duration for one in runs if one.status == "success" and one.duration is not None]
    return {
        "ids": [one.id for one in runs],
        "credits": sum(one.credits_used or 0 for one in runs),
        "median_s": median(green) if green else None,
    }


def series_facts(shapes: Iterable[SeriesShape]) -> Facts:
    """Return the runs of jobs of each day, and how many of them failed."""
    days: dict[str, list[int]] = {}
    for one in shapes:
        if one.timestamp is not None:
            sums = days.setdefault(f"{one.timestamp:%Y-%m-%d}", [0, 0])
            sums[0] += one.metrics.total_runs or 0
            sums[1] += one.metrics.failed_runs or 0
    newest = sorted(days.items())[-MAX_DAYS:]
    return {"days": [{"day": day, "runs": runs, "failed": failed} for day, (runs, failed) in newest]}


def test_facts(answer: TestMetricsAnswer) -> Facts:
    """Return the tests that fail most, and those that take longest."""
    failing = [one for one in answer.most_failed_tests if one.failed_runs]
    return {
        "average": answer.average_test_count,
        "failing": [_test(one) for one in failing[:MAX_TESTS]],
        "slowest": [_test(one) for one in answer.slowest_tests[:MAX_TESTS]],
    }


def _test(one: TestMetric) -> Facts:
    return {
        "test": one.test_name or "a test",
        "class": one.classname,
        "job": one.job_name,
        "failed": one.failed_runs or 0,
        "runs": one.total_runs or 0,
        "p95_s": one.p95_duration,
        "is_flaky": one.flaky,
    }


def flaky_facts(answer: FlakyTestsAnswer) -> Facts:
    """Return the flaky tests, of each its instance that flaked most."""
    found: dict[tuple[str | None, ...], Facts] = {}
    for one in answer.flaky_tests:
        key = (one.job_name, one.classname, one.file, one.test_name)
        test = found.setdefault(
            key, {"test": one.test_name or "a test", "class": one.classname, "job": one.job_name, "times": 0}
        )
        test["times"] = max(test["times"], one.times_flaked or 0)
    tests = sorted(found.values(), key=lambda test: -test["times"])
    total = int(answer.total_flaky_tests) if answer.total_flaky_tests is not None else len(tests)
    return {"total": total, "tests": tests[:MAX_FLAKY]}


def job_run_facts(name: str, shapes: Sequence[JobRunShape]) -> Facts:
    """Return the median of the last runs of a job that succeeded."""
    done = [one.duration for one in shapes[:MAX_RUNS] if one.status == "success" and one.duration is not None]
    return {"job": name, "runs": min(len(shapes), MAX_RUNS), "median_s": median(done) if done else None}


def organization_facts(answer: OrganizationSummary) -> Facts:
    """Return the figures of an organization, their change, and its projects'."""
    projects = [
        {"project": one.project_name, "runs": one.metrics.total_runs, "share": one.metrics.success_rate}
        for one in answer.org_project_data
        if one.project_name
    ]
    own = answer.org_data
    return {
        "runs": own.metrics.total_runs,
        "share": own.metrics.success_rate,
        "credits": own.metrics.total_credits_used,
        "runs_change": own.trends.total_runs,
        "credits_change": own.trends.total_credits_used,
        "projects": projects[:MAX_PROJECTS],
        "names": list(answer.all_projects)[:MAX_NAMES],
    }


def branch_facts(listed: Collection[str]) -> Facts:
    """Return the branches of a project; none are all that are known of a cut list."""
    return {"branches": sorted(listed)}
