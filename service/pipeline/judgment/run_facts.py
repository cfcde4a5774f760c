"""Work out facts of runs that routes and silences ask for: failures, times, class.

Part of the transaction that decides on events, after their runs were judged. An event that no such route or silence
else fits costs nothing. What is found is kept with the judgment, so that it can be explained, and the end of a red run
follows the routes that the red one took.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import (
    Color,
    Details,
    Event,
    Incident,
    KnownProblem,
    Run,
    RunFacts,
    RunFailures,
    RunState,
    Transition,
)
from service.pipeline.context import Context
from service.pipeline.judgment.record_tests import observed_failures, run_remark
from service.pipeline.judgment.red_facts import JudgedTest, judge_tests, usual_run_time
from service.pipeline.plans import PendingDecision
from service.routing.durations import times_usual
from service.routing.known_problems import find_known
from service.routing.route_index import RouteIndex
from service.routing.run_fact_keys import FAILURE_KEYS
from service.routing.run_failures import UNKNOWN, Failure, has_all_failures, judge_failures
from service.store.events import decisions, events
from service.store.incidents import incidents, known_problems
from service.store.runs import runs

NEVER_RAN = frozenset({"error", "unauthorized", "terminated-unknown"})
"""The statuses of jobs that failed and have neither tests nor steps: they are no flakes."""


def with_run_facts(
    transaction: Transaction,
    context: Context,
    pending: Sequence[PendingDecision],
    now: datetime,
    *,
    quiet: RouteIndex | None = None,
) -> list[PendingDecision]:
    """Return events with the facts of their runs that routes and silences ask for.

    pending   those of one track in its order
    quiet     the silences that name facts
    """
    finder = RunFactsFinder(transaction, context.known_problems, now)
    found = []
    for one in pending:
        keys = context.route_index.fact_keys(one.event)
        keys |= quiet.fact_keys(one.event) if quiet else frozenset()
        found.append(replace(one, event=finder.fill(one, keys)))
    return found


class RunFactsFinder:
    """The facts of one batch, run by run.

    from_file   the known problems of roundsman.yaml
    """

    def __init__(self, transaction: Transaction, from_file: Sequence[KnownProblem], now: datetime) -> None:
        self._transaction, self._from_file, self._now = transaction, from_file, now
        self._failures: dict[UUID, RunFailures] = {}
        self._problems: Sequence[KnownProblem] | None = None

    def fill(self, pending: PendingDecision, keys: frozenset[str]) -> Event:
        """Return an event with the facts of these match keys."""
        event, run = pending.event, pending.event.run
        if run is None or not keys:
            return event
        found = RunFacts(
            failures=self._failures_of(event, run, pending.details) if keys & FAILURE_KEYS else None,
            times_usual=self._times_usual(event, run) if "slower" in keys else None,
        )
        if "class" in keys and (incident := self._incident(run)):
            found = replace(found, klass=incident.klass)
        facts = self._with_turn(_beside(found, event.facts), run)
        if facts.failures is not None:
            self._failures[run.run_id] = facts.failures
        return replace(event, facts=facts if facts != RunFacts() else None)

    def _with_turn(self, facts: RunFacts, run: RunState) -> RunFacts:
        """Note where a red run is no flake and no known problem, as the one before was."""
        if facts.failures is None or facts.failures.is_excused or run.transition is not Transition.STILL_BROKEN:
            return facts
        before = runs.red_before(self._transaction, run)
        return replace(facts, is_turned=before is not None and self._recorded(before).is_excused)

    def _failures_of(self, event: Event, run: RunState, details: Details | None) -> RunFailures | None:
        """Return the kind of a red run; of a fixed one that of the last red; else None."""
        if run.transition is Transition.FIXED:
            return self._of_last_red(run)
        return self._judge(event, run.run_id, details) if run.color is Color.RED else None

    def _of_last_red(self, fixed: RunState) -> RunFailures:
        """Return the kind of the last red run, as it was told.

        What was judged of it then counts, also if more is known by now: its end goes the same way.
        """
        incident = self._incident(fixed)
        red = runs.find_all(self._transaction, {incident.last_red}).get(incident.last_red) if incident else None
        return self._recorded(red) if red else UNKNOWN

    def _recorded(self, red: Run) -> RunFailures:
        """Return the kind of a red run by its judgment; if no route asked then, by now."""
        if red.id in self._failures:
            return self._failures[red.id]
        for judgment in decisions.find(self._transaction, red.event_id):
            if judgment.notes.facts and judgment.notes.facts.failures:
                return judgment.notes.facts.failures
        event = events.find_all(self._transaction, {red.event_id}).get(red.event_id)
        details = events.find_details(self._transaction, red.event_id)
        return self._judge(event, red.id, details) if event else UNKNOWN

    def _judge(self, event: Event, run_id: UUID, details: Details | None) -> RunFailures:
        run = runs.find_all(self._transaction, {run_id}).get(run_id)
        if run is None or details is None or not has_all_failures(details):
            return UNKNOWN
        known = find_known(details, self._known_problems(), self._now)
        is_known = known.is_all and all(problem.is_open(self._now) for problem in known.problems)
        learns = run_remark(details) is None  # tests say nothing of a run that timed out, or where nearly all failed
        judged = judge_tests(self._transaction, event, run, list(observed_failures(details)))
        failures = [_to_failure(one, is_known=is_known, learns=learns) for one in judged]
        never_ran = [Failure(is_known=is_known) for job in details.jobs or () if job.status in NEVER_RAN]
        return judge_failures([*failures, *never_ran])

    def _known_problems(self) -> Sequence[KnownProblem]:
        if self._problems is None:
            self._problems = [*self._from_file, *known_problems.find_all(self._transaction)]
        return self._problems

    def _times_usual(self, event: Event, run: RunState) -> float | None:
        row = runs.find_all(self._transaction, {run.run_id}).get(run.run_id)
        return times_usual(event.run_ms, usual_run_time(self._transaction, row) if row and event.run_ms else None)

    def _incident(self, run: RunState) -> Incident | None:
        if run.incident_id is None:
            return None
        return incidents.find_all(self._transaction, {run.incident_id}).get(run.incident_id)


def _to_failure(one: JudgedTest, *, is_known: bool, learns: bool) -> Failure:
    return Failure(
        is_flaky=learns and one.is_likely_flake, is_known=is_known, is_new=one.failed.is_new or not one.is_known
    )


def _beside(found: RunFacts, given: RunFacts | None) -> RunFacts:
    """Return facts, with those in their place that a test of routes gave."""
    if given is None:
        return found
    return replace(found, **{name: value for name, value in vars(given).items() if value is not None})
