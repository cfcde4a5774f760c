"""An invented year of runs that tests make red: flaky ones, real breaks, and outages of the runner.

Each run is made from what its revision breaks, from the dice of its flaky tests, and from the hour: the right answers
are known from how it was made. A rerun throws the dice anew. Posts that never come are runs that are left out.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from tests.year.invented import NEW_YEAR
from tests.year.invented_runs import InventedJob, InventedRun, Test

RATES = (0.005, 0.01, 0.01, 0.02, 0.02, 0.05, 0.15)
BREAKS = 0.025
AUTHORS = ("Ada", "Ben", "Cem", "Dao", "Eva", "Fay", "renovate[bot]")
YEAR = timedelta(days=365)
MISSING = 0.01
LATE = 0.02


@dataclass(frozen=True, kw_only=True)
class PlantedBreak:
    """A commit that broke a test, really; it stays broken until the commit that mends it.

    place    of the commit among those of its branch
    """

    test: Test
    branch: str
    revision: str
    place: int
    broken: set[str] = field(default_factory=set, hash=False)


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Hours in which nothing could pass, and the status with which jobs end in them."""

    since: datetime
    until: datetime
    status: str


@dataclass(kw_only=True)
class YearOfTests:
    """The runs that were posted, and what was planted in them.

    flaky   the rate at which each flaky test fails
    """

    runs: list[InventedRun] = field(default_factory=list)
    flaky: dict[Test, float] = field(default_factory=dict)
    breaks: list[PlantedBreak] = field(default_factory=list)


def invent_year_of_tests(seed: int, *, projects: int, runs: int, tests: int) -> YearOfTests:
    """Return a year of a number of runs, and of tests, in all."""
    chance, year = random.Random(seed), YearOfTests()
    outages = list(_outages(chance))
    for number in range(1, projects + 1):
        project = _Project(random.Random(chance.random()), year, number, tests // projects, outages)
        project.fill(runs // projects)
    year.runs = [run for run in year.runs if chance.random() >= MISSING]
    return year


def _outages(chance: random.Random) -> Iterator[Outage]:
    for month in range(12):
        since = NEW_YEAR + timedelta(days=30 * month + chance.randint(0, 25), hours=chance.randint(0, 23))
        status = chance.choice(["infrastructure_fail", "failed", "timedout"])
        yield Outage(since=since, until=since + timedelta(hours=chance.randint(2, 8)), status=status)


@dataclass(kw_only=True)
class _Commit:
    revision: str
    place: int
    author: str
    breaks: list[PlantedBreak]


@dataclass(kw_only=True)
class _Branch:
    """A branch, with its last commits, and the pipelines of these."""

    name: str
    commits: list[_Commit]
    built: list[tuple[_Commit, int]] = field(default_factory=list)


class _Project:
    """A project, whose commits and runs are made in the order of time."""

    def __init__(
        self, chance: random.Random, year: YearOfTests, number: int, tests: int, outages: list[Outage]
    ) -> None:
        self.chance, self.year, self.name, self.outages = chance, year, f"project-{number}", outages
        names = [f"test_{nth}" for nth in range(tests)]
        self.jobs = {"unit": tuple(names[: tests // 2]), "integration": tuple(names[tests // 2 :])}
        self.rates = {name: chance.choice(RATES) for name in chance.sample(names, max(2, tests * 6 // 100))}
        year.flaky |= {(self.name, name): rate for name, rate in self.rates.items()}
        self.pipelines, self.now, self.made = count(1), NEW_YEAR, 0
        self.main = _Branch(name="main", commits=[])
        self.topics: list[_Branch] = []
        self.names = count(1)
        self._commit(self.main)

    def fill(self, runs: int) -> None:
        """Make about so many runs, over a year."""
        pause = YEAR / (runs * 0.64)  # a pipeline has 1.5 runs
        while self.made < runs:
            self.now += pause * self.chance.uniform(0.2, 1.8)
            dice = self.chance.random()
            if dice < 0.4:
                self._commit(self.main)
                self._build(self.main)
            elif dice < 0.5:
                self._build(self.main)  # on schedule: the same revision as before
            else:
                self._work_on_a_topic()

    def _work_on_a_topic(self) -> None:
        if len(self.topics) < 3:
            head = self.main.commits[-1]
            branch = _Branch(name=f"topic-{next(self.names)}", commits=[head])
            self.topics.append(branch)
        branch = self.chance.choice(self.topics)
        self._commit(branch)
        self._build(branch)
        if self.chance.random() < 0.15:
            self.topics.remove(branch)

    def _commit(self, branch: _Branch) -> None:
        """Add a commit: it may break a test, or mend one."""
        before = branch.commits[-1] if branch.commits else None
        place = before.place + 1 if before else 1
        breaks = [one for one in before.breaks if self.chance.random() > 0.3] if before else []
        revision = f"{self.chance.getrandbits(160):040x}"
        if before and not breaks and self.chance.random() < BREAKS:
            test = (self.name, self.chance.choice([*self.jobs["unit"], *self.jobs["integration"]]))
            planted = PlantedBreak(test=test, branch=branch.name, revision=revision, place=place)
            self.year.breaks.append(planted)
            breaks = [planted]
        for one in breaks:
            one.broken.add(revision)
        author = self.chance.choice(AUTHORS)
        branch.commits.append(_Commit(revision=revision, place=place, author=author, breaks=breaks))
        del branch.commits[:-2]

    def _build(self, branch: _Branch) -> None:
        """Run a pipeline of the newest commit, and rerun what is red as people do."""
        commit, number = branch.commits[-1], next(self.pipelines)
        if self.chance.random() < 0.03:
            self._run(branch, commit, number, self.now, is_canceled=True)
            return
        run = self._run(branch, commit, number, self.now)
        before = next((one for one in reversed(branch.built) if one[0] is not commit), None)
        branch.built = [*branch.built[-3:], (commit, number)]
        if run.is_red and branch is self.main and commit.breaks and before and self.chance.random() < 0.3:
            run = self._bisect(branch, run, (commit, number), before)
        for _ in range(3):
            if not run.is_red or self.chance.random() < 0.4:
                break
            run = self._run(branch, commit, number, self._after(run))
        if branch is self.main and not run.is_red:
            self._run(branch, commit, number, self._after(run), workflow="deploy")

    def _bisect(
        self, branch: _Branch, run: InventedRun, suspect: tuple[_Commit, int], before: tuple[_Commit, int]
    ) -> InventedRun:
        """Rerun a red commit twice, then the one before it twice; the last run of the suspect."""
        for _ in range(2):
            run = self._run(branch, *suspect, self._after(run))
        last = run
        for _ in range(2):
            last = self._run(branch, *before, self._after(last))
        return run

    def _after(self, run: InventedRun) -> datetime:
        return run.stopped_at + timedelta(minutes=self.chance.randint(1, 40))

    def _run(
        self,
        branch: _Branch,
        commit: _Commit,
        number: int,
        created: datetime,
        *,
        workflow: str = "build",
        is_canceled: bool = False,
    ) -> InventedRun:
        stopped = created + timedelta(seconds=self.chance.randint(120, 720))
        outage = next((one for one in self.outages if one.since <= stopped <= one.until), None)
        jobs = self._jobs(commit, outage) if workflow == "build" else _deploy(outage)
        status = "canceled" if is_canceled else "failed" if any(job.status != "success" for job in jobs) else "success"
        run = InventedRun(
            id=str(UUID(int=self.chance.getrandbits(128), version=4)),
            project=self.name,
            branch=branch.name,
            workflow=workflow,
            number=number,
            revision=commit.revision,
            place=commit.place,
            author=commit.author,
            created_at=created,
            stopped_at=stopped,
            status=status,
            jobs=() if is_canceled else jobs,
            is_late=self.chance.random() < LATE,
        )
        self.year.runs.append(run)
        self.made += 1
        return run

    def _jobs(self, commit: _Commit, outage: Outage | None) -> tuple[InventedJob, ...]:
        if outage:
            return tuple(_out(name, tests, outage) for name, tests in self.jobs.items())
        failed = {name: f"Timed out after {self.chance.randint(3, 9)} s" for name in self._flakes()}
        failed |= {one.test[1]: f"expected {len(one.revision)}, not {one.revision[:5]}" for one in commit.breaks}
        made = []
        for name, tests in self.jobs.items():
            own = tuple((test, failed[test]) for test in tests if test in failed)
            made.append(InventedJob(name=name, status="failed" if own else "success", tests=tests, failed=own))
        return tuple(made)

    def _flakes(self) -> Iterator[str]:
        return (name for name, rate in self.rates.items() if self.chance.random() < rate)


def _out(name: str, tests: tuple[str, ...], outage: Outage) -> InventedJob:
    if outage.status != "failed":
        return InventedJob(name=name, status=outage.status)
    return InventedJob(
        name=name, status="failed", tests=tests, failed=tuple((one, "No route to host") for one in tests)
    )


def _deploy(outage: Outage | None) -> tuple[InventedJob, ...]:
    status = outage.status if outage else "success"
    return (InventedJob(name="deploy", status=status),)
