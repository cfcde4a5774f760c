"""The moments of a track's story, each with what is known of it then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.message import compose
from service.model import (
    Actor,
    Closing,
    Color,
    Commit,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    Message,
    MessageFacts,
    News,
    Pipeline,
    Project,
    RunState,
    Taken,
    TestFailure,
    TestReport,
    Transition,
    Workflow,
)

APP = "https://app.circleci.com/pipelines/github/acme/web/1487/workflows/5034460f"
COMPARE = "https://github.com/acme/web/compare/1515e70...0f86213"
PAGE = "https://roundsman.example.com/events/1"
AT = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
COLORS = {"failed": Color.RED, "success": Color.GREEN}


def a_run(transition: Transition, *, streak: int = 1, since: datetime = AT, color: Color = Color.RED) -> RunState:
    return RunState(
        run_id=UUID(int=7),
        event_id=UUID(int=1),
        track_id=3,
        color=color,
        transition=transition,
        streak=streak,
        since=since,
        incident_id=UUID(int=9),
    )


def a_story(status: str = "failed", *, run: RunState | None = None, at: datetime = AT) -> Event:
    return Event(
        id=UUID(int=1),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="e1",
        happened_at=at,
        received_at=at,
        org="acme",
        project=Project(slug="gh/acme/web", name="web"),
        pipeline=Pipeline(number=1487),
        workflow=Workflow(id="w1", name="build-and-test", status=status, url=APP),
        status=status,
        branch="main",
        revision="0f86213a5b6c",
        commit=Commit(
            subject="Apply vouchers before shipping",
            author_name="Ada Example",
            author_email="ada@example.com",
            url="https://github.com/acme/web/commit/0f86213a5b6c",
        ),
        actor=Actor(login="ada", name="Ada Example"),
        trigger="webhook",
        duration_ms=300_000,
        run=run,
    )


FAILURES = (
    TestFailure(
        name="test_total_includes_shipping_after_voucher",
        class_name="tests.test_voucher",
        file="tests/test_voucher.py",
        message="assert Decimal('41.90') == Decimal('46.80')",
    ),
    TestFailure(name="test_expired_voucher_is_refused", class_name="VoucherTest", message="DID NOT RAISE Expired"),
    TestFailure(name="test_voucher_cannot_be_used_twice", message="assert 2 == 1"),
)
TESTS = TestReport(failures=FAILURES, counts={"success": 412, "failure": 3})
JOBS = (
    JobReport(name="lint", status="success"),
    JobReport(name="unit-tests", status="failed", url=f"{APP}/jobs/9", duration_ms=62_000, tests=TESTS),
)
RED = Details(actor=Actor(login="ada", name="Ada Example"), jobs=JOBS)
BROKE = a_run(Transition.BROKE)
STILL = a_run(Transition.STILL_BROKEN, streak=3, since=AT - timedelta(hours=1, minutes=30))
FIXED = a_run(Transition.FIXED, streak=2, since=AT - timedelta(minutes=38), color=Color.GREEN)
JOB_EVENT = replace(
    a_story(), kind=EventKind.JOB_COMPLETED, job=Job(id="j1", name="unit-tests", number=9, status="failed")
)

MOMENTS: dict[str, tuple[Event, Details, MessageFacts]] = {
    "broke": (
        a_story(run=BROKE),
        RED,
        MessageFacts(news=News.BROKE, green_since=AT - timedelta(days=3), usual_ms=250_000, compare_url=COMPARE),
    ),
    "broke-job-alone": (
        a_story(run=BROKE),
        Details(jobs=(JobReport(name="lint", status="timedout", url=f"{APP}/jobs/8"),)),
        MessageFacts(news=News.BROKE, red_reruns=2),
    ),
    "broke-nothing-known": (a_story("error", run=BROKE), Details(), MessageFacts(news=News.BROKE)),
    "still-red": (
        a_story(run=STILL),
        RED,
        MessageFacts(news=News.STILL_BROKEN, taken=Taken(by="Linh", at=AT - timedelta(minutes=20), note="on it")),
    ),
    "fixed": (a_story("success", run=FIXED), Details(), MessageFacts(news=News.FIXED)),
    "fixed-by-rerun": (
        a_story("success", run=FIXED),
        Details(),
        MessageFacts(news=News.FIXED, closed_because=Closing.RERUN),
    ),
    "passed": (a_story("success"), Details(), MessageFacts(news=News.PASSED)),
    "status-route": (a_story(), RED, MessageFacts()),
    "job": (JOB_EVENT, Details(jobs=JOBS[1:]), MessageFacts()),
}


def moment(name: str) -> Message:
    """Return the message of a moment."""
    event, details, facts = MOMENTS[name]
    return compose(event, details, event_url=PAGE, facts=facts)
