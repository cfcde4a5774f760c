"""An invented year of CircleCI's posts, with the right answers known from how it was made.

A track is made of stretches of green and of red; each run of it is made with the transition that it must get. Then the
posts are repeated, and shuffled by whoever posts them. Posts that never come are runs that were never made.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from service.testing.fake_circleci.payloads import stamp

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
GREY = ("canceled", "unauthorized", "not_run", "a status of next year")
Payload = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a run must be judged to be."""

    transition: str
    streak: int


@dataclass(frozen=True)
class PlantedIncident:
    """A stretch of red that was planted: the ids of its first, last and closing runs."""

    opened_by: str
    last_red: str
    streak: int
    closed_by: str | None
    closed_because: str | None


@dataclass
class Year:
    """Posts, the answers by the run's id, the incidents, and the color in which each track ends."""

    posts: list[Payload] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    incidents: list[PlantedIncident] = field(default_factory=list)
    colors: dict[tuple[str, str, str], str] = field(default_factory=dict)
    has_expired: bool = True


def invent_year(seed: int, *, projects: int = 3, runs: int = 60, has_expired: bool = True) -> Year:
    """Return a year of a number of runs for each project.

    has_expired   some incidents end since nothing runs on their track for weeks
    """
    chance, year = random.Random(seed), Year(has_expired=has_expired)
    for number in range(1, projects + 1):
        pipelines = count(1)
        shares = {("main", "build"): 0.5, ("main", "deploy"): 0.2, (f"topic-{number}", "build"): 0.3}
        for (branch, workflow), share in shares.items():
            track = _Track(chance, year, f"project-{number}", branch, workflow, pipelines)
            track.fill(int(runs * share))
    return year


def arrivals(year: Year, seed: int, *, late: int | None = None) -> list[Payload]:
    """Return the posts in another order, some of them more than once.

    late   the number of places by which a post may be late; None: any
    """
    chance = random.Random(seed)
    posts = sorted(year.posts, key=lambda post: str(post["happened_at"]))
    posts += chance.choices(posts, k=len(posts) // 20)
    if late is None:
        chance.shuffle(posts)
        return posts
    places = {id(post): index + chance.random() * late for index, post in enumerate(posts)}
    return sorted(posts, key=lambda post: places[id(post)])


class _Track:
    """A track that is filled with stretches of green and red, in order."""

    def __init__(
        self, chance: random.Random, year: Year, project: str, branch: str, workflow: str, pipelines: Iterator[int]
    ) -> None:
        self.chance, self.year, self.project = chance, year, project
        self.branch, self.workflow, self.pipelines = branch, workflow, pipelines
        self.now = NEW_YEAR + timedelta(minutes=chance.randint(0, 600))
        self.number = next(pipelines)
        self.expiry = timedelta(days=30 if branch == "main" else 14)

    def fill(self, runs: int) -> None:
        """Make about so many runs."""
        made = 0
        while made < runs:
            greens = self.chance.choice([0, 1, 3, 8]) if made else self.chance.choice([0, 2])
            for _ in range(greens):
                self._next_pipeline()
                self._post("success", "passed", 0)
            made += greens + self._stretch_of_red(is_last=made + greens + 8 > runs)

    def _stretch_of_red(self, *, is_last: bool) -> int:
        reds = [self._red(nth) for nth in range(1, self.chance.choice([1, 1, 2, 4]) + 1)]
        end = self.chance.choice(["green", "rerun", "expired", "open"] if is_last else ["green", "green", "rerun"])
        end = "green" if end == "expired" and not self.year.has_expired else end
        if end == "open" and is_last:
            self._plant(reds, None, None, "red")
            return len(reds) + 1000  # the track ends here
        if end == "expired":
            self.now += self.expiry + timedelta(days=1)
            self._plant(reds, None, "expired", "green")
            self._next_pipeline()
            self._post("success", "passed", 0)
            return len(reds) + 1
        if end == "green":
            self._next_pipeline()
        closed = self._post("success", "fixed", len(reds))
        self._plant(reds, closed, end, "green")
        return len(reds) + 1

    def _red(self, nth: int) -> str:
        if nth == 1 or self.chance.random() < 0.7:
            self._next_pipeline()
        status = self.chance.choice(["failed", "failed", "error"])
        return self._post(status, "broke" if nth == 1 else "still_broken", nth)

    def _plant(self, reds: list[str], closed: str | None, because: str | None, color: str) -> None:
        self.year.incidents.append(PlantedIncident(reds[0], reds[-1], len(reds), closed, because))
        self.year.colors[self.project, self.branch, self.workflow] = color

    def _next_pipeline(self) -> None:
        """Go on to another pipeline; now and then one that is canceled or grey comes between."""
        self.number = next(self.pipelines)
        self.now += timedelta(minutes=self.chance.choice([20, 45, 300]))
        if self.chance.random() < 0.15:
            self._storm()
            self.number = next(self.pipelines)
        elif self.chance.random() < 0.1:
            self._post(self.chance.choice(GREY), "none", 0)

    def _storm(self) -> None:
        """Cancel a workflow of three jobs: four posts, each with a later end."""
        run_id = self._post("canceled", "none", 0)
        first = self.year.posts[-1]
        for nth in range(1, 4):
            stopped = self.now + timedelta(milliseconds=70 * nth)
            workflow = {**first["workflow"], "stopped_at": stamp(stopped)}
            again = {"id": self._id(), "happened_at": stamp(stopped), "workflow": workflow}
            self.year.posts.append({**first, **again})
        self.year.answers[run_id] = Answer("none", 0)

    def _post(self, status: str, transition: str, streak: int) -> str:
        created = self.now
        self.now += timedelta(minutes=self.chance.randint(2, 12))
        run_id = self._id()
        self.year.posts.append(self._payload(run_id, status, created))
        self.year.answers[run_id] = Answer(transition, streak)
        self.now += timedelta(seconds=self.chance.randint(1, 90))
        return run_id

    def _id(self) -> str:
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def _payload(self, run_id: str, status: str, created: datetime) -> Payload:
        key = f"{self.project}/{self.number}"
        return {
            "type": "workflow-completed",
            "id": self._id(),
            "happened_at": stamp(self.now + timedelta(milliseconds=130)),
            "webhook": {"id": "hook", "name": "Roundsman"},
            "project": {"id": self.project, "name": self.project, "slug": f"github/acme/{self.project}"},
            "organization": {"id": "acme", "name": "acme"},
            "pipeline": {
                "id": key,
                "number": self.number,
                "trigger": {"type": "webhook"},
                "vcs": {"revision": f"{self.number:040x}", "branch": self.branch, "commit": {"subject": "Change"}},
            },
            "workflow": {
                "id": run_id,
                "name": self.workflow,
                "status": status,
                "created_at": stamp(created),
                "stopped_at": stamp(self.now),
            },
        }
