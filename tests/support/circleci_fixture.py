"""A fake other end of CircleCI's API, and a failed workflow to ask it about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs
from uuid import UUID

import httpx

from service.circleci.circleci import CircleCI
from service.metrics import Metrics
from service.model import (
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    Pipeline,
    Project,
    TestFailure,
    TestReport,
    Workflow,
)
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.server import FakeCircleCI

ALL = frozenset({DetailKind.ACTOR, DetailKind.VCS, DetailKind.JOBS, DetailKind.TESTS})
TOKEN = "an-invented-token"
NOW = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)
WORKFLOW_PAGE = "https://app.circleci.com/pipelines/gh/acme/shop/204/workflows/w1"
EVENT = Event(
    id=UUID(int=1),
    kind=EventKind.WORKFLOW_COMPLETED,
    source_event_id="x",
    happened_at=NOW,
    received_at=NOW,
    project=Project(slug="gh/acme/shop"),
    pipeline=Pipeline(id="p1", number=204),
    workflow=Workflow(id="w1", status="failed", url=WORKFLOW_PAGE),
    status="failed",
)
JOB_EVENT = Event(
    id=UUID(int=2),
    kind=EventKind.JOB_COMPLETED,
    source_event_id="y",
    happened_at=NOW,
    received_at=NOW,
    project=Project(slug="gh/acme/shop"),
    workflow=Workflow(id="w1", url=WORKFLOW_PAGE),
    job=Job(id="j1", name="unit", number=7, status="failed"),
    status="failed",
    duration_ms=900,
)
TIMES = {"started_at": "2026-03-02T08:15:00Z", "stopped_at": "2026-03-02T08:15:02Z"}
JOBS = {
    "items": [
        {"id": "j0", "name": "lint", "status": "success", "type": "build", "job_number": 6, **TIMES},
        {"id": "j1", "name": "unit", "status": "failed", "type": "build", "job_number": 7, **TIMES},
        {"id": "j2", "name": "hold", "status": "blocked", "type": "approval"},
    ],
    "next_page_token": None,
}
UNIT = {
    "web_url": "https://app.circleci.com/jobs/gh/acme/shop/7",
    "duration": 1_950,
    "messages": [{"type": "warning", "message": "The disk is nearly full"}, {"type": "odd"}],
}
FAILURE = {
    "name": "test_rounding",
    "classname": "tests.test_prices",
    "file": "tests/test_prices.py",
    "result": "failure",
    "message": "assert 1 == 2",
    "run_time": "0.25",
}
TESTS = {"items": [FAILURE, {"name": "test_ok", "result": "success", "run_time": 0.1}], "next_page_token": None}
REPORT = TestReport(
    failures=(
        TestFailure(
            name="test_rounding",
            class_name="tests.test_prices",
            file="tests/test_prices.py",
            message="assert 1 == 2",
            run_time_s=0.25,
        ),
    ),
    counts={"failure": 1, "success": 1},
)
GOOD: dict[str, object] = {
    "/workflow/w1": {"started_by": "u1"},
    "/user/u1": {"id": "u1", "login": "ada", "name": "Ada Example"},
    "/pipeline/p1": {"vcs": {"branch": "main", "revision": "4f1c9a6", "commit": {"subject": "Round up\nmore"}}},
    "/workflow/w1/job": JOBS,
    "/project/gh/acme/shop/job/7": UNIT,
    "/project/gh/acme/shop/7/tests": TESTS,
}


def with_log(run: Run, *, log: str, condensed: str = "") -> Run:
    """Return a run whose failed jobs have a log."""
    jobs = (replace(job, log=log, condensed=condensed) if job.status == "failed" else job for job in run.jobs)
    return replace(run, jobs=tuple(jobs))


class Instance:
    """A CircleCI source whose other end answers by path: with JSON, a status, or what a function of the page says.

    It has API v2 alone.
    """

    def __init__(self, answers: Mapping[str, object], *, has_token: bool = True) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.now = NOW
        self.circleci = CircleCI(
            secrets=[],
            url="https://circleci.com",
            token="an-invented-token" if has_token else None,
            metrics=Metrics(),
            transport=httpx.MockTransport(self.answer),
            clock=lambda: self.now,
            api="v2",
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v2")
        self.asked.append(path)
        answer = self.answers.get(path, 404)
        if isinstance(answer, int):
            return httpx.Response(answer)
        page = parse_qs(request.url.query.decode()).get("page-token", [""])[0]
        return httpx.Response(200, json=answer(page) if callable(answer) else answer)

    async def enrich(self, *wants: DetailKind, event: Event = EVENT, known: Details | None = None) -> Details:
        self.asked.clear()
        return await self.circleci.enrich(event, frozenset(wants), known)


def event_of(run: Run) -> Event:
    """Return the event of a run of the fake CircleCI."""
    return replace(
        EVENT,
        project=Project(slug=run.project.slug),
        pipeline=Pipeline(id=run.pipeline_id, number=run.number),
        workflow=Workflow(id=run.workflow_id, status=run.status, url=run.url),
        status=run.status,
    )


async def ask(
    fake: FakeCircleCI,
    run: Run,
    *wants: DetailKind,
    url: str = "https://circleci.com",
    api: str = "auto",
    known: Details | None = None,
) -> Details:
    """Return the details of a run, asked of a fake CircleCI: over a socket if the address is on this machine."""
    circleci = CircleCI(
        secrets=[],
        url=url,
        token=TOKEN,
        metrics=Metrics(),
        transport=None if "127.0.0.1" in url else httpx.ASGITransport(fake.app),
        clock=lambda: NOW,
        api=api,
    )
    try:
        return await circleci.enrich(event_of(run), frozenset(wants), known)
    finally:
        await circleci.close()


def paths(fake: FakeCircleCI) -> list[str]:
    """Return the paths that the fake was asked for, with the version of the API."""
    return [f"/{call.version}{call.path}" for call in fake.calls]
