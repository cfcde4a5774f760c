"""More runs of the day: those before it, a red that goes on, and two storms."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from service.testing import sample_runs
from service.testing.fake_circleci.organization import (
    GRACE,
    LINH,
    MOBILE,
    SHOP_API,
    WEB,
    JobRun,
    Person,
    Project,
    Run,
    sequential_jobs,
)
from service.testing.sample_runs import clock

REGISTRY_IS_DOWN = "npm error network request to https://registry.example.com/react failed, reason: ETIMEDOUT"
CANCELED_JOBS = ("build-android", "build-ios", "unit-tests", *(f"ui-tests-{number}" for number in range(1, 10)))
TROUBLED: tuple[tuple[Project, str, int, Person], ...] = (
    (WEB, "build-and-test", 1491, GRACE),
    (WEB, "browser-tests", 1491, GRACE),
    (SHOP_API, "contract-tests", 874, LINH),
    (SHOP_API, "smoke-tests", 874, LINH),
    (MOBILE, "build-and-test", 206, LINH),
    (MOBILE, "screenshots", 206, LINH),
)
"""The workflows that the trouble hits: project, workflow, pipeline, author."""


def days_before(on: date) -> tuple[Run, ...]:
    """Return green runs of the three days before, of each workflow of the day's news."""
    return *_week_of_web(on), *_others_before(on)


def _week_of_web(on: date) -> Iterator[Run]:
    """Yield enough green runs for web main to have a usual duration."""
    green = sample_runs.web_main_fixed(on)
    for number in range(6):
        took = sequential_jobs(5800 + 2 * number, JobRun(name="unit-tests", lasts_s=225 + 4 * number))
        pushed_at = clock(on, "08:50") - timedelta(hours=72 - 12 * number)
        subject = f"Tidy up the checkout, part {number + 1}"
        yield replace(green, number=1480 + number, jobs=took, pushed_at=pushed_at, subject=subject)


def _others_before(on: date) -> Iterator[Run]:
    for nth, (project, workflow, _, author) in enumerate(TROUBLED):
        if (project, workflow) != (WEB, "build-and-test"):
            yield Run(
                project=project,
                number={WEB: 1486, SHOP_API: 870, MOBILE: 203}[project],
                author=author,
                subject="Use the new icons",
                pushed_at=clock(on, "21:30") - timedelta(days=1, minutes=nth),
                workflow=workflow,
                jobs=sequential_jobs(100 + nth, JobRun(name="install", lasts_s=70)),
            )


def web_main_still_red(on: date) -> Run:
    """Return a red run after a red one: another commit, and the same three tests."""
    red = sample_runs.web_main_red(on)
    tests = replace(red.jobs[1], number=5951, starts_s=0)
    return replace(
        red,
        number=1488,
        author=GRACE,
        subject="Show the delivery date in the basket",
        pushed_at=clock(on, "09:33"),
        jobs=(tests,),
    )


def web_feature_red(on: date) -> Run:
    """Return a failed run of a feature branch."""
    return replace(sample_runs.web_feature_red(on), number=1489, pushed_at=clock(on, "09:36"))


def web_main_fixed(on: date) -> Run:
    """Return the run that repairs web main."""
    return replace(sample_runs.web_main_fixed(on), number=1490)


def mobile_canceled(on: date) -> Run:
    """Return a run whose twelve jobs were canceled by a person."""
    jobs = (JobRun(name=name, status="canceled", lasts_s=9) for name in CANCELED_JOBS)
    return replace(sample_runs.mobile_canceled(on), jobs=sequential_jobs(612, *jobs))


def trouble(on: date) -> tuple[Run, ...]:
    """Return red runs of six workflows of three projects, all in a minute."""
    return tuple(
        Run(
            project=project,
            number=number,
            author=author,
            subject="Upgrade the icons",
            pushed_at=clock(on, "12:03") + timedelta(seconds=5 * nth),
            workflow=workflow,
            status="failed",
            jobs=sequential_jobs(
                7000 + nth, JobRun(name="install", status="failed", lasts_s=64, messages=(REGISTRY_IS_DOWN,))
            ),
        )
        for nth, (project, workflow, number, author) in enumerate(TROUBLED)
    )


def trouble_over(on: date) -> tuple[Run, ...]:
    """Return the reruns of these workflows, which are green."""
    passed = (sequential_jobs(7100 + nth, JobRun(name="install", lasts_s=66)) for nth in range(len(TROUBLED)))
    return tuple(
        replace(run, status="success", attempt=2, waited_s=25 * 60, jobs=jobs)
        for run, jobs in zip(trouble(on), passed, strict=True)
    )


def web_red_during_outage(on: date) -> Run:
    """Return a failed run, for a time when CircleCI's API is down."""
    return replace(sample_runs.web_red_during_outage(on), number=1492, pushed_at=clock(on, "13:14"))


def mobile_hostile(on: date) -> Run:
    """Return a run whose commit subject contains markup and control characters."""
    hostile = sample_runs.mobile_hostile(on)
    return replace(hostile, number=207, jobs=(replace(hostile.jobs[0], number=640),))


def api_late_results(on: date) -> Run:
    """Return a run whose webhook CircleCI sends before it has read the test results."""
    return sample_runs.api_late_results(on)


def api_upgrade(on: date) -> Run:
    """Return a failed run of a robot's weekly upgrade."""
    return replace(sample_runs.api_upgrade(on), number=875)


def web_release(on: date) -> Run:
    """Return a run of a tag."""
    return replace(sample_runs.web_release(on), number=1493)


def api_flaky_again(on: date) -> Run:
    """Return a run in which the test of the morning timed out once more."""
    failed = replace(sample_runs.api_flaky(on).jobs[0], number=3330)
    subject = "Reserve stock in one statement"
    return replace(sample_runs.api_flaky(on), number=876, subject=subject, pushed_at=clock(on, "16:37"), jobs=(failed,))


def api_rerun_again(on: date) -> Run:
    """Return its green rerun."""
    passed = replace(sample_runs.api_rerun(on).jobs[0], number=3331)
    return replace(api_flaky_again(on), status="success", attempt=2, waited_s=11 * 60, jobs=(passed,))


def api_unauthorized(on: date) -> Run:
    """Return a run by a person without access to the production context."""
    return replace(sample_runs.api_unauthorized(on), number=877)


def api_nightly(on: date) -> Run:
    """Return a scheduled run with an invalid configuration."""
    return replace(sample_runs.api_nightly(on), number=878)


def web_deploy_held(on: date) -> Run:
    """Return a run that waits for a person to approve the deploy."""
    built = JobRun(name="build", number=14_990, lasts_s=50)
    approval = JobRun(name="approve-production", status="on_hold", is_approval=True, starts_s=50, lasts_s=0)
    return replace(
        sample_runs.web_main_fixed(on),
        number=1494,
        workflow="deploy-production",
        status="on_hold",
        subject="Deploy the vouchers",
        pushed_at=clock(on, "17:20"),
        waited_s=0,
        attempt=1,
        jobs=(built, approval),
    )
