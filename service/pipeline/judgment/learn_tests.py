"""The asking for tests that no message needs: to learn from run to run."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from service.db.tables import Transaction
from service.model import Color, DetailKind, Event, FetchPurpose
from service.routing.route_index import RouteIndex
from service.store.events import fetches
from service.store.test_history.watched_tests import earlier_attempts, is_rerun_later, watched_jobs

REPEATED_FIRST = timedelta(seconds=30)
"""The tests of a rerun are asked for so long after those of the runs that it repeats.

A pass is recorded of a test that is known to have failed.
"""
NOTHING: frozenset[DetailKind] = frozenset()
OF_RED = frozenset({DetailKind.TESTS, DetailKind.STEPS})
FindJobs = Callable[[Event], Collection[str]]


def details_to_learn(
    transaction: Transaction, event: Event, *, find_jobs: FindJobs | None = None
) -> frozenset[DetailKind]:
    """Return the test results to ask for, whether or not anyone is told.

    They are of red runs of a default branch, of reruns and of the red runs that these repeat, and on a default branch
    of the jobs that passed while a test of theirs is watched.

    find_jobs   finds the watched jobs; None: the database does
    """
    if event.run is None or event.run.color is Color.GREY:
        return NOTHING
    failed = OF_RED if event.run.color is Color.RED else NOTHING
    if event.run.number_in_pipeline > 1:
        return failed | {DetailKind.PASSES}
    if event.is_of_default_branch:
        find_jobs = find_jobs or partial(watched_jobs, transaction)
        return failed | ({DetailKind.PASSES} if find_jobs(event) else NOTHING)
    return failed if failed and is_rerun_later(transaction, event) else NOTHING


def jobs_to_watch(transaction: Transaction, event: Event) -> Collection[str] | None:
    """Return the jobs whose passes are asked for; None: those of all jobs."""
    is_rerun = event.run is not None and event.run.number_in_pipeline > 1
    return None if is_rerun else watched_jobs(transaction, event)


def request_times(transaction: Transaction, index: RouteIndex, untold: Iterable[Event], *, now: datetime) -> None:
    """Request the jobs of green runs with which a route compares the times of others.

    untold   those of which no message waits for details
    """
    wanted = {one.id for one in untold if is_compared(index, one)}
    if wanted:
        fetches.request(
            transaction, wanted.difference(fetches.asked_for(transaction, wanted)), FetchPurpose.TESTS, due_at=now
        )


def is_compared(index: RouteIndex, event: Event) -> bool:
    """Return whether the time in the queue of a run is asked for, to compare others."""
    is_green = event.run is not None and event.run.color is Color.GREEN
    return is_green and event.queue_ms is None and index.compares_times(event)


def request_tests(transaction: Transaction, judged: Iterable[Event], untold: Iterable[Event], *, now: datetime) -> None:
    """Request the tests to learn from of events, and of the red runs that they repeat.

    untold   those of them of which no message waits for details
    """
    repeats = _repeats(transaction, judged)
    for repeated in repeats.values():
        fetches.request(transaction, repeated, FetchPurpose.TESTS, due_at=now)
    to_learn_from = _events_to_learn_from(transaction, untold)
    later = [event_id for event_id in to_learn_from if event_id in repeats]
    fetches.request(transaction, later, FetchPurpose.TESTS, due_at=now + REPEATED_FIRST)
    fetches.request(transaction, [one for one in to_learn_from if one not in repeats], FetchPurpose.TESTS, due_at=now)


def _events_to_learn_from(transaction: Transaction, events: Iterable[Event]) -> list[UUID]:
    known: dict[object, Collection[str]] = {}

    def find_jobs(event: Event) -> Collection[str]:  # events of one batch ended at about the same time
        key = (event.project.id, event.project.slug, event.workflow.name)
        if key not in known:
            known[key] = watched_jobs(transaction, event)
        return known[key]

    return [event.id for event in events if details_to_learn(transaction, event, find_jobs=find_jobs)]


def _repeats(transaction: Transaction, events: Iterable[Event]) -> dict[UUID, Collection[UUID]]:
    """Return the red runs that reruns among events repeat, by the rerun.

    Those whose tests are known, or being asked for, are left out, and reruns without others.
    """
    found = {
        event.id: earlier_attempts(transaction, event)
        for event in events
        if event.run and event.run.number_in_pipeline > 1
    }
    every = {one for some in found.values() for one in some}
    asked = fetches.asked_for(transaction, every) if every else ()
    return {event_id: new for event_id, some in found.items() if (new := set(some) - set(asked))}
