"""A history of many projects: runs of their default branches and of others, judged, with tests, and told.

It is put straight into the tables, alike for the same seed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from service.db.database import Store
from service.db.tables import Transaction
from service.model import (
    Commit,
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    News,
    Notification,
    NotificationState,
    Pipeline,
    Project,
    RunState,
    TestFailure,
    TestReport,
    Transition,
    Workflow,
)
from service.pipeline.judgment.judge_runs import judge_runs
from service.pipeline.judgment.record_tests import record_tests
from service.routing.news import news_key
from service.store.events import events
from service.store.notifications import notifications

NAMES = (
    *("web", "shop-api", "infra-terraform", "audit-log", "fraud", "feature-flags", "warehouse-etl", "gateway"),
    *("ml-features", "identity", "docs-site", "loyalty-points", "sdk-python", "shipping-labels", "日本語-検索"),
    *("legacy-erp-bridge-for-the-old-mainframe", "billing", "catalog", "checkout", "monorepo", "reporting"),
)
WORKFLOWS = ("build-and-test", "deploy", "e2e", "nightly")
JOBS = ("unit-tests", "integration-tests", "build-image", "lint", "deploy-production")
TESTS = ("test_stock_is_reserved_while_paying[case-12]", "test_login_with_ünïcode_🔑", "test_totals_round_half_even")
SUBJECTS = (
    *("Upgrade everything at once, what could go wrong", "WIP", "Rename `Foo` to `Bar` <everywhere> & *nowhere*"),
    *("購入フローの修正", 'Revert "Enable new pricing"', "Bump lodash from 4.17.20 to 4.17.21", "Remove dead code"),
)
AUTHORS = ("Linh Example", "José Ángel Example", "Priya Example", "renovate[bot]", "عمر المثال", "Zed 🚀")
BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a history.

    runs_a_day   of each workflow of a default branch
    has_jobs     each run has a post for each of its jobs
    """

    projects: int = 40
    workflows: int = 4
    days: int = 60
    runs_a_day: float = 1.0
    has_jobs: bool = False
    seed: int = 1


@dataclass
class _Line:
    """A workflow on a branch, and the chance with which it goes from green to red and back."""

    project: Project
    workflow: str
    branch: str
    breaks: float
    is_red: bool = False
    seconds: int = 300
    jobs: tuple[str, ...] = field(default=JOBS)


async def fill(store: Store, size: Size, now: datetime) -> None:
    """Put a history that ends now into an empty database."""
    batch: list[Event] = []
    for run in sorted(_runs(size, now), key=lambda one: one.happened_at):
        batch.append(run)
        if len(batch) == BATCH:
            await store.write(_put, batch, size)
            batch = []
    if batch:
        await store.write(_put, batch, size)


def _runs(size: Size, now: datetime) -> Iterator[Event]:
    chance = random.Random(size.seed)
    number = 0
    for nth in range(size.projects):
        name = NAMES[nth] if nth < len(NAMES) else f"service-{nth}"
        org = "acme" if nth % 10 else "tools"
        project = Project(id=f"project-{nth}", slug=f"gh/{org}/{name}", name=name)
        for workflow in WORKFLOWS[: chance.randint(max(size.workflows - 2, 1), size.workflows)]:
            line = _Line(project=project, workflow=workflow, branch="main", breaks=chance.choice([0.01, 0.04, 0.15]))
            line.seconds = chance.randint(40, 1400)
            at = now - timedelta(days=size.days * chance.choice([1, 1, 1, 0.4]))
            until = now - timedelta(days=chance.choice([0] * 20 + [31]))
            while at < until:
                number += 1
                yield _run(chance, line, number, at)
                at += timedelta(days=chance.uniform(0.3, 1.7) / size.runs_a_day)


def _run(chance: random.Random, line: _Line, number: int, at: datetime) -> Event:
    line.is_red = chance.random() < (0.7 if line.is_red else line.breaks)
    status = "failed" if line.is_red else "canceled" if chance.random() < 0.05 else "success"
    seconds = int(line.seconds * chance.uniform(0.6, 1.3) * (0.5 if line.is_red else 1))
    event_id = UUID(int=chance.getrandbits(128), version=4)
    workflow_id = str(UUID(int=chance.getrandbits(128), version=4))
    slug = line.project.slug or ""
    return Event(
        id=event_id,
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id=str(event_id),
        happened_at=at,
        received_at=at + timedelta(seconds=1),
        org=slug.split("/")[1],
        project=line.project,
        pipeline=Pipeline(id=f"pipeline-{number}", number=number),
        workflow=Workflow(
            id=workflow_id,
            name=line.workflow,
            status=status,
            created_at=at - timedelta(seconds=seconds),
            stopped_at=at,
        ),
        status=status,
        branch=line.branch,
        revision=f"{chance.getrandbits(160):040x}",
        commit=Commit(
            subject=chance.choice(SUBJECTS), author_name=chance.choice(AUTHORS), author_email="someone@example.com"
        ),
        trigger="webhook",
        duration_ms=seconds * 1000,
    )


def _put(transaction: Transaction, batch: list[Event], size: Size) -> None:
    jobs = [job for event in batch for job in _jobs(event)] if size.has_jobs else []
    events.put_all(transaction, [*batch, *jobs])
    for event_id, state in judge_runs(transaction, batch).items():
        event = next(one for one in batch if one.id == event_id)
        if event.status == "failed":
            _learn(transaction, replace(event, run=state), state)
        if state.transition is Transition.BROKE:
            _tell(transaction, event, state)


def _jobs(event: Event) -> Iterator[Event]:
    for nth, name in enumerate(JOBS):
        is_failed = event.status == "failed" and nth == event.id.int % len(JOBS)
        status = "failed" if is_failed else "success"
        job_id = UUID(int=event.id.int ^ (nth + 1))
        yield replace(
            event,
            id=job_id,
            kind=EventKind.JOB_COMPLETED,
            source_event_id=str(job_id),
            happened_at=event.happened_at - timedelta(seconds=nth + 1),
            job=Job(id=str(job_id), name=name, number=nth, status=status),
            status=status,
            duration_ms=60_000,
        )


def _learn(transaction: Transaction, event: Event, state: RunState) -> None:
    """Have some red runs' tests be known, of others the jobs, and of the rest nothing."""
    kind = event.id.int % 5
    if not kind:
        return
    job = JOBS[event.id.int % len(JOBS)]
    failed = tuple(TestFailure(name=one, class_name="Suite", message="assert 1 == 2") for one in TESTS[: kind % 4])
    report = TestReport(failures=failed, counts={"success": 300, "failure": len(failed)}) if failed else None
    details = Details(
        wanted=frozenset({DetailKind.JOBS, DetailKind.TESTS}),
        jobs=(JobReport(name=job, status="failed", number=1, duration_ms=60_000, tests=report),),
        rounds=1,
        asked_at=event.received_at,
    )
    events.put_details(transaction, {event.id: details})
    record_tests(transaction, event, details)


def _tell(transaction: Transaction, event: Event, state: RunState) -> None:
    notification = Notification(
        id=UUID(int=event.id.int ^ (1 << 64)),
        event_id=event.id,
        topic=news_key(event),
        route="main",
        receiver="platform",
        channel_key="platform",
        channel_label="platform (slack)",
        channel_kind="slack",
        state=NotificationState.SENT,
        attempts=1,
        created_at=event.received_at,
        next_attempt_at=event.received_at,
        give_up_at=event.received_at,
        sent_at=event.received_at,
        news=News.BROKE,
        track_id=state.track_id,
        incident_id=state.incident_id,
    )
    notifications.insert_or_get(transaction, [notification])
