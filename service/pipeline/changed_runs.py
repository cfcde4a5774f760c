"""Runs whose color turns out to be another after they were decided on.

A later post says so, or CircleCI when it is asked: they only set up others. What was planned of such a run is dropped,
and what was dropped for it is told after all.
"""

from collections.abc import Sequence
from datetime import datetime

from service.db.tables import Transaction
from service.model import Color, Event, News, Notification, NotificationState, Transition
from service.pipeline.channel_knowledge import REPLACED
from service.pipeline.context import Context
from service.pipeline.edit_living import EDIT_DELAY
from service.pipeline.judge_runs import judge_runs
from service.pipeline.lane_heads import enqueue_heads
from service.routing.news import COLORS
from service.store import notifications, runs, told, tracks

CORRECTED = "a later post of its run says otherwise"
MERE_SETUP = "its run only set up the workflows after it"
GREEN_RERUN = "a rerun of the same commit turned green before it was told"
GREEN = "the branch turned green before it was told"
REVIVABLE = frozenset({REPLACED, GREEN_RERUN, GREEN})


def is_first_attempt(notification: Notification) -> bool:
    """Return whether the first attempt begins: a later one may be a person's."""
    return notification.attempts == 0 and notification.state is NotificationState.PENDING


def drop_untrue(transaction: Transaction, notification: Notification, event: Event) -> bool:
    """Drop news of a run that has another color by now; tell if so."""
    color = COLORS.get(notification.news)
    if color is None or event.run is None or event.run.color is color or not is_first_attempt(notification):
        return False
    reason = MERE_SETUP if event.workflow.is_setup else CORRECTED
    return bool(notifications.drop(transaction, [notification.id], reason=reason))


def judge_setup(transaction: Transaction, context: Context, event: Event) -> None:
    """Judge a run again of which CircleCI said after the decision that it is a setup."""
    before, now = event.run, context.clock()
    if before is None or not event.workflow.is_setup:
        return
    states = judge_runs(transaction, [event], projects=context.projects, edits_due_at=now + EDIT_DELAY)
    after = states.get(event.id)
    if after is not None and before.transition is Transition.FIXED and after.color is Color.GREY:
        _revive(transaction, context, after.track_id, now)


def _revive(transaction: Transaction, context: Context, track_id: int, now: datetime) -> None:
    """Have channels told of a red that is there still, and was dropped as fixed."""
    stored = tracks.find_all(transaction, [track_id]).get(track_id)
    if stored is None or stored.state.incident_id is None:
        return
    reds = runs.of_incident(transaction, track_id, stored.state.incident_id)
    newest = {
        one.channel_key: one
        for one in notifications.of_events(transaction, [run.event_id for run in reds])
        if one.news in {News.BROKE, News.STILL_BROKEN}
    }
    known = told.find(transaction, [track_id])
    revived = [one for key, one in newest.items() if _is_owed(one) and known.get((track_id, key)) is not Color.RED]
    _requeue(transaction, context, revived, now)


def _is_owed(one: Notification) -> bool:
    return one.state is NotificationState.DROPPED and one.reason in REVIVABLE and not one.was_sent


def _requeue(transaction: Transaction, context: Context, revived: Sequence[Notification], now: datetime) -> None:
    for one in revived:
        notifications.requeue(transaction, one.id, at=now, patience=context.retry_policy.give_up_after)
    enqueue_heads(transaction, context.jobs, revived, now)
