"""Runs whose color turns out to be another after they were decided on.

A later post says so, or CircleCI when it is asked: they only set up others. What was planned of such a run is dropped,
and what was dropped for it is told after all.
"""

from service.db.tables import Transaction
from service.model import Event, Notification, NotificationState
from service.pipeline.context import Context
from service.pipeline.judgment.judge_runs import judge_runs
from service.pipeline.news.edit_living import EDIT_DELAY
from service.pipeline.waits.revive import CORRECTED, MERE_SETUP, revive
from service.routing.news import COLORS
from service.store.notifications import notifications


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


def judge_setup(transaction: Transaction, context: Context, event: Event) -> list[Notification]:
    """Judge a run again of which CircleCI said after the decision that it is a setup.

    Returns the news that are to be told after all. The caller enqueues the heads of their lanes.
    """
    if event.run is None or not event.workflow.is_setup:
        return []
    now = context.clock()
    states = judge_runs(transaction, [event], projects=context.projects, edits_due_at=now + EDIT_DELAY)
    after = states.get(event.id)
    return revive(transaction, context, [after.track_id], now) if after is not None and after.is_recolored else []
