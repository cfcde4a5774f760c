"""The overviews at a size, over HTTP: the page Now of 1,000 workflows, and a grid of 50 jobs by 30 runs."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from service.db.tables import events, incidents, runs, tracks
from tests.bench.history import client, timed
from tests.bench.past import AT_ONCE, Names, Row, count_as_sealed, filling, load, put
from tests.bench.processes import running
from tests.bench.rows import Row as Line
from tests.bench.rows import distribution, quantile
from tests.bench.world import Bench

PROJECTS = 200
WORKFLOWS = ("build-and-test", "lint", "deploy", "nightly", "release")
RUNS = 20
EVERY = timedelta(hours=12)
RED_ONE_IN = 10
STREAK = 3
JOBS = 50
GRID_RUNS = 30


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that is measured, and the time that its slow end may take."""

    what: str
    address: str
    reach_s: float


PAGES = (
    Page(what=f"Now page of {PROJECTS * len(WORKFLOWS):,} workflows", address="/", reach_s=0.05),
    Page(what=f"grid of {JOBS} x {GRID_RUNS} cells", address="/projects/acme/grid/many-jobs", reach_s=0.02),
)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Workflows of default branches with their last runs, one in ten red, and one with many jobs."""

    now: datetime
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in ("tracks", "runs", "incidents")})
    events: list[Row] = field(default_factory=list)

    def add_workflow(self, project: str, workflow: str, *, count: int, jobs: int = 0, is_red: bool = False) -> None:
        """Add a workflow with so many runs; the last of a red one are red."""
        track: Row = dict.fromkeys(tracks.c.keys()) | {
            "id": len(self.rows["tracks"]) + 1,
            "digest": self._id(),
            **_names(project, workflow),
            "branch": "main",
            "posted_default": "main",
            "color": "red" if is_red else "green",
            "streak": STREAK if is_red else 0,
            "newest_pipeline": count,
            "colored_pipeline": count,
            "incident_id": self._id() if is_red else None,
        }
        ended = [self._add_run(track, number, count - number, jobs) for number in range(1, count + 1)]
        track["last_at"] = ended[-1]["stopped_at"]
        track["since"] = ended[-STREAK]["stopped_at"] if is_red else ended[0]["stopped_at"]
        self.rows["tracks"].append(track)
        if is_red:
            self._add_incident(track, ended[-STREAK:])

    def _add_run(self, track: Row, number: int, age: int, jobs: int) -> Row:
        is_red = track["color"] == "red" and age < STREAK
        stopped_at = self.now - EVERY * age - timedelta(minutes=track["id"] % 600)
        run: Row = dict.fromkeys(runs.c.keys()) | {
            "id": self._id(),
            "event_id": self._id(),
            "track_id": track["id"],
            "pipeline_number": number,
            "created_at": stopped_at - timedelta(minutes=5),
            "stopped_at": stopped_at,
            "color": "red" if is_red else "green",
            "number_in_pipeline": 1,
            "transition": ("still_broken" if age < STREAK - 1 else "broke") if is_red else "passed",
            "streak": STREAK - age if is_red else 0,
            "incident_id": track["incident_id"] if is_red else None,
            "is_late": False,
        }
        self.rows["runs"].append(run)
        status = "failed" if is_red else "success"
        self.events.extend(self._event(track, run, f"job-{job:02}", "success") for job in range(jobs))
        self.events.append(self._event(track, run, None, status))
        return run

    def _event(self, track: Row, run: Row, job: str | None, status: str) -> Row:
        event_id = run["event_id"] if job is None else self._id()
        return dict.fromkeys(events.c.keys()) | {
            **{name: track[name] for name in ("project_id", "project_slug", "branch")},
            "project_name": track["project_id"],
            "id": event_id,
            "source_event_id": str(event_id),
            "kind": "workflow-completed" if job is None else "job-completed",
            "via": "webhook",
            "org": "acme",
            "duration_ms": 300_000,
            "pipeline_id": str(UUID(int=run["pipeline_number"])),
            "pipeline_number": run["pipeline_number"],
            "workflow_id": str(run["id"]),
            "workflow_name": track["workflow"],
            "workflow_status": status,
            "status": status,
            "has_job": job is not None,
            "job_name": job,
            "job_status": status if job else None,
            "revision": f"{self.dice.getrandbits(160):040x}",
            "commit_subject": "Fix the voucher of the shipping",
            "commit_author_name": "Developer Example",
            "happened_at": run["stopped_at"],
            "received_at": run["stopped_at"] + timedelta(seconds=1),
        }

    def _add_incident(self, track: Row, reds: Sequence[Row]) -> None:
        first, last = reds[0], reds[-1]
        opened = {"opened_at": first["stopped_at"], "opened_by": first["id"], "last_red": last["id"]}
        own = {"id": track["incident_id"], "track_id": track["id"], "streak": len(reds), "is_found_late": False}
        self.rows["incidents"].append(dict.fromkeys(incidents.c.keys()) | opened | own)

    def _id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)


def _names(project: str, workflow: str) -> Row:
    slug = f"github/acme/{project}"
    return {"project_id": project, "project_slug": slug, "project_name": f"acme/{project}", "workflow": workflow}


def fill(database_url: str) -> None:
    """Put the workflows into an empty, migrated database."""
    overview = Overview(now=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    for number in range(PROJECTS):
        for nth, workflow in enumerate(WORKFLOWS):
            is_red = (number * len(WORKFLOWS) + nth) % RED_ONE_IN == 0
            overview.add_workflow(f"service-{number}", workflow, count=RUNS, is_red=is_red)
    overview.add_workflow("grid", "many-jobs", count=GRID_RUNS, jobs=JOBS)
    with filling(database_url) as connection:
        rest = iter(sorted(overview.events, key=lambda row: row["happened_at"]))
        while some := list(islice(rest, AT_ONCE)):
            put(connection, some, Names())
        for name, rows in overview.rows.items():
            load(connection, name, rows)


async def measure(bench: Bench) -> list[Line]:
    """Look at both pages on each database."""
    return [line for database in bench.scale.databases for line in await _measure_on(bench, database)]


async def _measure_on(bench: Bench, database: str) -> list[Line]:
    role = "serve" if database == "SQLite" else "web"
    with bench.migrated(database) as place:
        await asyncio.to_thread(fill, place.database_url)
        count_as_sealed(place.database_url)
        async with running(place, role) as service, client(service.port) as http:
            found = [await timed(http, f"{page.address}?{{}}", [{}], 5 * bench.scale.repeats) for page in PAGES]
    return [_line(page, database, one.took) for page, [one] in zip(PAGES, found, strict=True)]


def _line(page: Page, where: str, took: Sequence[float]) -> Line:
    return Line(
        what=page.what,
        where=where,
        measured=distribution(took),
        reach=f"p95 under {page.reach_s * 1000:.0f} ms",
        is_reached=quantile(took, 0.95) < page.reach_s,
    )
