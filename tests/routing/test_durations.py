"""Usual durations, multiples of them, and the time that a run waited."""

from datetime import datetime, timedelta

from service.model import JobReport
from service.routing.durations import UsualDuration, queue_ms, times_usual, usual_duration
from tests.support.example_events import NOON


def test_the_usual_duration_is_the_median_of_the_last_thirty_greens() -> None:
    newest_first = [*range(1, 31), *([10_000] * 100)]

    assert usual_duration(newest_first) == UsualDuration(median_ms=16, p95_ms=29, runs=30)


def test_a_branch_with_few_greens_takes_those_of_the_default_branch() -> None:
    assert usual_duration([1, 1, 1, 1], [5] * 5) == UsualDuration(median_ms=5, p95_ms=5, runs=5)
    assert usual_duration([1] * 5, [5] * 5) == UsualDuration(median_ms=1, p95_ms=1, runs=5)
    assert usual_duration([1] * 4, [5] * 4) is None


def test_a_multiple_of_the_usual_duration_needs_both() -> None:
    usual = UsualDuration(median_ms=60_000, p95_ms=90_000, runs=5)

    assert times_usual(90_000, usual) == 1.5
    assert times_usual(None, usual) is None
    assert times_usual(90_000, None) is None
    assert times_usual(90_000, UsualDuration(median_ms=0, p95_ms=0, runs=5)) is None


def job(started_at: datetime | None, kind: str = "build") -> JobReport:
    return JobReport(name="unit-tests", status="failed", type=kind, started_at=started_at)


def test_a_run_waits_until_its_first_job_starts() -> None:
    later = [job(NOON + timedelta(seconds=seconds)) for seconds in (95, 90, 200)]

    assert queue_ms(NOON, later) == 90_000
    assert queue_ms(NOON, [job(NOON)]) == 0
    assert queue_ms(NOON, [job(None)]) is None
    assert queue_ms(NOON, []) is None
    assert queue_ms(None, later) is None


def test_jobs_of_the_run_before_and_approvals_do_not_count() -> None:
    kept, approved = job(NOON - timedelta(hours=1)), job(NOON + timedelta(seconds=1), "approval")

    assert queue_ms(NOON, [kept, approved, job(NOON + timedelta(minutes=3))]) == 180_000
    assert queue_ms(NOON, [kept, approved]) is None
