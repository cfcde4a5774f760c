"""Runs of an invented year of tests: the posts that CircleCI makes of them, and the details that it would tell."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from service.circleci.webhook.parser import parse
from service.model import Delivery, DetailKind, Details, Event, JobReport, TestFailure, TestPass, TestReport, Via
from service.testing.fake_circleci.payloads import as_bytes, stamp
from tests.year.invented import Payload

IDS = UUID("7a51e3cc-1f0b-5d5e-8b50-4f1d7a0c7b55")
RED = frozenset({"failed", "error"})
OUTAGE = "outage"
Test = tuple[str, str]
"""A project and the name of a test of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InventedJob:
    """A job of a run.

    tests    the names of those that it ran; none if it never came so far
    failed   those of them that failed, each with its message
    """

    name: str
    status: str
    tests: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class InventedRun:
    """A run, with all that happened in it.

    place    of its revision among those of its branch
    is_late  its post comes hours later than it should
    """

    id: str
    project: str
    branch: str
    workflow: str
    number: int
    revision: str
    place: int
    author: str
    created_at: datetime
    stopped_at: datetime
    status: str
    jobs: tuple[InventedJob, ...]
    is_late: bool = False

    @property
    def is_red(self) -> bool:
        return self.status in RED

    @property
    def teaches(self) -> bool:
        """True if its tests ran as tests do: it was no outage."""
        return all(job.status in {"success", "failed"} for job in self.jobs) and not self.is_outage

    @property
    def is_outage(self) -> bool:
        """True if nothing in it passed."""
        return self.is_red and all(len(job.failed) == len(job.tests) for job in self.jobs)

    @property
    def failed(self) -> frozenset[str]:
        """The names of the tests that failed."""
        return frozenset(name for job in self.jobs for name, _ in job.failed)

    def received_at(self) -> datetime:
        return self.stopped_at + timedelta(seconds=int(self.id[:4], 16) % (30_000 if self.is_late else 20) + 1)


def payload(run: InventedRun) -> Payload:
    """Return the post of a run."""
    person = {"name": run.author, "email": f"{run.author.lower()}@example.com"}
    return {
        "type": "workflow-completed",
        "id": str(uuid5(IDS, run.id)),
        "happened_at": stamp(run.stopped_at + timedelta(milliseconds=130)),
        "webhook": {"id": "hook", "name": "Roundsman"},
        "project": {"id": run.project, "name": run.project, "slug": f"github/acme/{run.project}"},
        "organization": {"id": "acme", "name": "acme"},
        "pipeline": {
            "id": f"{run.project}/{run.number}",
            "number": run.number,
            "trigger": {"type": "webhook"},
            "vcs": {
                "revision": run.revision,
                "branch": run.branch,
                "commit": {"subject": "Change", "author": person},
            },
        },
        "workflow": {
            "id": run.id,
            "name": run.workflow,
            "status": run.status,
            "created_at": stamp(run.created_at),
            "stopped_at": stamp(run.stopped_at),
        },
    }


def received(run: InventedRun) -> tuple[Delivery, Event]:
    """Return the post of a run as it was received."""
    posted = payload(run)
    delivery = Delivery(
        id=uuid5(IDS, posted["id"]),
        source="circleci",
        source_event_id=posted["id"],
        via=Via.WEBHOOK,
        received_at=run.received_at(),
        headers=(),
        body=as_bytes(posted),
        signed=None,
    )
    return delivery, parse(delivery, links=True)


def told_details(run: InventedRun, wants: Collection[DetailKind]) -> Details:
    """Return the details of a run as CircleCI tells them: all results of a job's tests at once."""
    asked = {"failed": DetailKind.TESTS in wants, "success": DetailKind.PASSES in wants}
    jobs = tuple(
        JobReport(
            name=job.name,
            status=job.status,
            number=number,
            duration_ms=3_600_000 if job.status == "timedout" else 200_000,
            tests=_report(job) if job.tests and asked.get(job.status, True) else None,
        )
        for number, job in enumerate(run.jobs, 1)
    )
    return Details(wanted=frozenset({*wants, DetailKind.JOBS}), jobs=jobs, rounds=1, asked_at=run.received_at())


def _report(job: InventedJob) -> TestReport:
    failed = dict(job.failed)
    passed = [name for name in job.tests if name not in failed]
    return TestReport(
        failures=tuple(TestFailure(name=name, class_name="Suite", message=said) for name, said in job.failed),
        counts={"success": len(passed), "failure": len(failed)},
        passes=tuple(TestPass(name=name, class_name="Suite", run_time_s=0.2) for name in passed),
    )
