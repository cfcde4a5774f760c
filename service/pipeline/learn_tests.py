"""The asking for tests that no message needs: to learn from run to run."""

from collections.abc import Iterable
from uuid import UUID

from service.db.tables import Transaction
from service.model import Color, DetailKind, Event
from service.pipeline.judge_runs import DEFAULT_BRANCHES
from service.store import watched_tests


def details_to_learn(transaction: Transaction, event: Event) -> frozenset[DetailKind]:
    """Return the test results to ask for, whether or not anyone is told.

    They are of red runs of a default branch, of reruns, and of green runs of a default branch while a test is watched.
    """
    if event.run is None or event.run.color is Color.GREY:
        return frozenset()
    is_default, is_rerun = event.branch in DEFAULT_BRANCHES, event.run.number_in_pipeline > 1
    failed = {DetailKind.TESTS} if event.run.color is Color.RED else frozenset[DetailKind]()
    if is_rerun:
        return frozenset({*failed, DetailKind.PASSES})
    if not is_default:
        return frozenset()
    if event.run.color is Color.RED:
        return frozenset(failed)
    return frozenset({DetailKind.PASSES}) if watched_tests.is_watched(transaction, event) else frozenset()


def events_to_learn_from(transaction: Transaction, events: Iterable[Event]) -> list[UUID]:
    """Return the ids of the events whose tests are to be asked for."""
    return [event.id for event in events if details_to_learn(transaction, event)]
