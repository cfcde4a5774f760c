"""The figures of a year of tests: what was said of it beside what was planted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select

from service.db.database import Store
from service.db.tables import Transaction, incidents
from service.model import Color, Culprits, DetailKind, Event, ObservedTest, RunState, Transition
from service.operations.test_history.judged_tests import TestState
from service.operations.test_history.tests import LISTED, TestSearch, list_tests
from service.pipeline.judgment.judge_runs import judge_runs
from service.pipeline.judgment.learn_tests import details_to_learn
from service.pipeline.judgment.record_tests import observed_failures, record_tests
from service.pipeline.judgment.red_facts import culprits_of, judge_tests
from service.routing.run_failures import Failure, judge_failures
from service.store.events import events
from service.store.runs import runs
from service.store.test_history.test_list import TestFilter
from tests.year.flake_oracle import has_shown
from tests.year.invented import NEW_YEAR
from tests.year.invented_runs import InventedRun, Test, received, told_details
from tests.year.invented_tests import YEAR, PlantedBreak, YearOfTests

BATCH = 100
FAILS_OF_A_BREAK = 4  # rule E: a test that flakes at 15 % fails so often in a row by a break only


@dataclass(kw_only=True)
class Figures:
    """The figures of a year, with the examples that spoil them.

    listed      tests that were said to be flaky, at each time when the list was read; of these, ``wrongly``
    shown       flaky tests that had shown it by then; of these, ``unlisted``
    breaks      real breaks of a default branch that made it red; of these, ``silenced`` are those of which each red
                run was said to be flaky. A break of a flaky test may pass for a flake until it was red four times
    ranges      incidents that a break opened; of these, ``missed`` are those whose culprits are without its commit
    confirmed   suspects that were said to be confirmed; of these, ``falsely``
    """

    listed: int = 0
    wrongly: list[object] = field(default_factory=list)
    shown: int = 0
    unlisted: list[object] = field(default_factory=list)
    breaks: int = 0
    silenced: list[object] = field(default_factory=list)
    ranges: int = 0
    missed: list[object] = field(default_factory=list)
    confirmed: int = 0
    falsely: list[object] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return 1 - len(self.wrongly) / self.listed

    @property
    def recall(self) -> float:
        return 1 - len(self.unlisted) / self.shown

    @property
    def culprits(self) -> float:
        return 1 - len(self.missed) / self.ranges


class Listener:
    """Posts runs in the order in which they are received, and hears what is said of them."""

    def __init__(self, year: YearOfTests) -> None:
        self.figures = Figures()
        self._year = year
        self._breaks = {(one.test[0], revision): one for one in year.breaks for revision in one.broken}
        self._planted = {(one.test[0], one.revision) for one in year.breaks}
        self._posted: dict[str, list[InventedRun]] = defaultdict(list)
        self._loud: dict[PlantedBreak, list[bool]] = defaultdict(list)

    def post(self, transaction: Transaction, batch: Sequence[InventedRun]) -> None:
        """Judge runs, and record their tests as far as CircleCI is asked for them."""
        posted = {event.id: (run, event) for run, event in ((run, received(run)[1]) for run in batch)}
        events.put_all(transaction, [event for _, event in posted.values()])
        states = judge_runs(transaction, [event for _, event in posted.values()])
        for event_id, (run, event) in posted.items():
            self._posted[run.project].append(run)
            self._learn(transaction, run, replace(event, run=states[event_id]), states[event_id])

    def _learn(self, transaction: Transaction, run: InventedRun, event: Event, state: RunState) -> None:
        wants = details_to_learn(transaction, event)
        if state.transition is Transition.BROKE:  # a message tells of it
            wants |= {DetailKind.TESTS}
        if not wants:
            return
        details = told_details(run, wants)
        record_tests(transaction, event, details)
        planted = self._breaks.get((run.project, run.revision))
        if planted and run.branch == "main" == planted.branch and run.is_red and run.teaches:
            is_flaky = _is_flaky(transaction, event, list(observed_failures(details)))
            self._loud[planted].append(not is_flaky)

    def read_list(self, transaction: Transaction, now: datetime) -> None:
        """Read the list of flaky tests, and compare it with those that have shown that they are."""
        found, cursor = set[Test](), None
        search = TestSearch(wanted=TestFilter(), state=TestState.FLAKY)
        while True:
            page = list_tests(transaction, now, search, LISTED, limit=100, cursor=cursor)
            found |= {(item["project"].removeprefix("gh/acme/"), item["name"]) for item in page["items"]}
            if (cursor := page["next"]) is None:
                break
        shown = {test for test in self._year.flaky if has_shown(test[1], self._posted[test[0]], now)}
        self.figures.listed += len(found)
        self.figures.wrongly += [(now, test) for test in sorted(found - self._year.flaky.keys())]
        self.figures.shown += len(shown)
        self.figures.unlisted += [(now, test, self._year.flaky[test]) for test in sorted(shown - found)]

    def read_culprits(self, transaction: Transaction) -> None:
        """Read the culprits of each incident of a default branch once all is posted, at its first red and its last."""
        self.figures.breaks = len(self._loud)
        self.figures.silenced = [
            (planted, loud, self._year.flaky.get(planted.test))
            for planted, loud in self._loud.items()
            if not any(loud) and (planted.test not in self._year.flaky or len(loud) >= FAILS_OF_A_BREAK)
        ]
        ends = {end for row in transaction.execute(select(incidents.c.opened_by, incidents.c.last_red)) for end in row}
        for run in self._reds():
            event = received(run)[1]
            if runs.id_of(event) in ends:
                judged = runs.find_all(transaction, {runs.id_of(event)})[runs.id_of(event)]
                found = culprits_of(transaction, event, judged)
                self._hear_culprits(run, found, is_opener=judged.transition is Transition.BROKE)

    def _reds(self) -> Iterable[InventedRun]:
        every = (run for some in self._posted.values() for run in some if run.branch == "main")
        return (run for run in every if run.is_red and run.workflow == "build")

    def _hear_culprits(self, run: InventedRun, found: Culprits, *, is_opener: bool) -> None:
        confirmed = {(run.project, one.revision) for one in found.suspects if one.is_confirmed}
        self.figures.confirmed += len(confirmed)
        self.figures.falsely += [(run, one) for one in confirmed if one not in self._planted]
        planted = self._breaks.get((run.project, run.revision))
        if planted is None or planted.branch != "main" or not is_opener or not run.teaches:
            return
        self.figures.ranges += 1
        was_built = any(
            one.revision == planted.revision and one.workflow == "build" and one.branch == "main"
            for one in self._posted[run.project]
        )
        if was_built and planted.revision not in {one.revision for one in found.suspects}:
            self.figures.missed.append((run, planted, found))


async def play(
    store: Store, year: YearOfTests, *, reads: int, progress: Callable[[datetime], None] = lambda _: None
) -> Figures:
    """Post a year as it is received, read the list of flaky tests so many times meanwhile; its figures."""
    listener, posts = Listener(year), sorted(year.runs, key=InventedRun.received_at)
    pause = YEAR / reads
    read_at = NEW_YEAR + pause
    while posts:
        batch = [run for run in posts[:BATCH] if run.received_at() <= read_at]
        posts = posts[len(batch) :]
        await store.write(listener.post, batch)
        if not posts or posts[0].received_at() > read_at:
            await store.read(listener.read_list, read_at)
            progress(read_at)
            read_at += pause
    await store.read(listener.read_culprits)
    return listener.figures


def _is_flaky(transaction: Transaction, event: Event, observed: Sequence[ObservedTest]) -> bool:
    run = runs.find_all(transaction, {runs.id_of(event)})[runs.id_of(event)]
    assert run.color is Color.RED
    judged = judge_tests(transaction, event, run, observed)
    return judge_failures(Failure(is_flaky=one.is_likely_flake) for one in judged).flaky
