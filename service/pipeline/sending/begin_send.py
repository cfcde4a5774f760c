"""Begin an attempt to send: one transaction from the look at the notification on.

Only the worker that holds the job may begin. What cannot be sent now leaves the lane to its next message.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from service.channels import min_interval
from service.db.tables import Transaction
from service.model import Attempt, Color, Details, Event, Message, Notification, NotificationState
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.lanes.leases import extend_lease
from service.pipeline.news.channel_knowledge import color_told, is_stale
from service.pipeline.news.hold_ends import drop_ended
from service.pipeline.news.living import add_living
from service.pipeline.planning.reminders import is_over
from service.pipeline.sending.compose_message import Subject, compose_message
from service.pipeline.sending.unknown_channels import leave_to_other_workers
from service.pipeline.waits.bursts import end_burst
from service.pipeline.waits.changed_runs import drop_untrue
from service.pipeline.waits.groups import end_group
from service.pipeline.waits.known_problems import drop_muted, find_problems, problem_notes
from service.pipeline.waits.patience import hold_for_rerun
from service.pipeline.waits.quiet import end_quiet
from service.pipeline.waits.shared_causes import end_shared_cause
from service.pipeline.waits.summaries import is_empty
from service.queue.claims import Claim
from service.routing.known_problems import KnownFailures
from service.store.events import events
from service.store.notifications import notifications

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An attempt that is on record, and the message to send.

    color   of the track, as the channel knows it once it has accepted the message; None if it then knows no more
    """

    notification: Notification
    attempt: Attempt
    message: Message
    color: Color | None = None


def begin(
    transaction: Transaction, context: Context, claim: Claim, notification_id: UUID, *, now: datetime
) -> Begun | None:
    """Record the begin of an attempt; None if there is nothing to send now."""
    if not is_held(transaction, claim, notification_id):
        return None
    notification = notifications.find(transaction, notification_id)
    if (begun := begin_held(transaction, context, notification, now)) is None:
        enqueue_heads(transaction, context.jobs, [notification], now)
    return begun


def begin_failed(
    transaction: Transaction, context: Context, claim: Claim, notification_id: UUID, *, now: datetime
) -> tuple[Notification, Attempt] | None:
    """Begin an attempt that has failed already; None if none was due."""
    if not is_held(transaction, claim, notification_id):
        return None
    notification = notifications.find(transaction, notification_id)
    attempt = None
    if _may_begin(transaction, context, notification, now):
        attempt = _begin_attempt(transaction, context, notification, now)
    if attempt is None:
        enqueue_heads(transaction, context.jobs, [notification], now)
        return None
    return notification, attempt


def is_held(transaction: Transaction, claim: Claim, notification_id: UUID) -> bool:
    """Return whether the job is ours; if not, its lane is another worker's too."""
    if is_held := claim(transaction):
        return is_held
    log.warning("a job was given to another worker meanwhile", notification=str(notification_id))
    return False


def begin_held(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> Begun | None:
    """Record the begin of an attempt; None if it is not to be sent now.

    The caller holds the job of the lane.
    """
    if not _may_begin(transaction, context, notification, now):
        return None
    is_unknown = context.channel(notification.channel_key) is None
    if is_unknown and leave_to_other_workers(transaction, context, notification):
        return None
    if (ready := find_ready(transaction, context, notification, now)) is None:
        return None
    message = compose_message(transaction, context, notification, ready.subject(now))
    attempt = _begin_attempt(transaction, context, notification, now)
    if attempt is None:
        return None
    _pause_lane(transaction, context, notification)
    return Begun(
        notification=_with_patience(transaction, notification, now),
        attempt=attempt,
        message=replace(add_living(transaction, notification, message, now), incident=notification.incident_id),
        color=color_told(notification, ready.event) if ready.event else None,
    )


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A notification that is to be sent now: its event, and the known problems in it."""

    event: Event | None
    details: Details | None
    problems: KnownFailures

    def subject(self, now: datetime) -> Subject | None:
        """Return what its message is about."""
        if self.event is None:
            return None
        return Subject(event=self.event, details=self.details, problems=problem_notes(self.problems, now))


def find_ready(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> Ready | None:
    """Return what a notification is about if it is to be sent now.

    None if time has overtaken it, or it waits again: then it was dropped or held.
    """
    event = events.find(transaction, notification.event_id) if notification.event_id else None
    if _is_pointless(transaction, context, notification, event, now=now):
        return None
    details = events.find_details(transaction, event.id) if event else None
    known = find_problems(transaction, context, details, now)
    if drop_muted(transaction, notification, known, now):
        return None
    return Ready(event=event, details=details, problems=known)


def _is_pointless(
    transaction: Transaction, context: Context, notification: Notification, event: Event | None, *, now: datetime
) -> bool:
    """Drop news that time has overtaken, or have them wait again; tell if so."""
    if end_quiet(transaction, context, notification, now):
        return True
    if event is not None and (
        drop_untrue(transaction, notification, event)
        or drop_ended(transaction, notification, event)
        or hold_for_rerun(transaction, context, notification, event, now=now)
    ):
        return True
    if is_stale(transaction, context, notification):
        return True
    if is_over(transaction, notification, now) or is_empty(transaction, notification):
        return True
    return _is_told_with_others(transaction, context, notification, now)


def _is_told_with_others(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Tell news with others of their cause, their group or a burst; tell if so."""
    return (
        end_shared_cause(transaction, context, notification, now)
        or end_group(transaction, context, notification, now)
        or end_burst(transaction, context, notification, now)
    )


def _begin_attempt(
    transaction: Transaction, context: Context, notification: Notification, now: datetime
) -> Attempt | None:
    lease_until = now + context.retry_policy.send_lease
    return notifications.begin_attempt(transaction, notification.id, now, until=lease_until)


def _may_begin(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Return whether an attempt may begin now."""
    if notification.state is NotificationState.PENDING:
        return notifications.is_due(transaction, notification, now)
    if notification.state is not NotificationState.SENDING:
        return False
    if _withdraw_unsure(transaction, context, notification):
        return True
    if notification.id in context.late_sends:  # the lease ran out while the database was away
        extend_lease(transaction, context, context.late_sends[notification.id], notification.lane)
        return False
    if context.store.is_shared and notification.next_attempt_at > now:  # another worker may be sending it
        context.jobs.pause_lane(notification.lane, within=transaction, until=notification.next_attempt_at)
        return False
    return notifications.end_interrupted(transaction, notification.id, now)


def _withdraw_unsure(transaction: Transaction, context: Context, notification: Notification) -> bool:
    """Withdraw an attempt of ours that never was: its begin was not confirmed."""
    begun_at = notifications.open_attempt_begun_at(transaction, notification.id)
    if (notification.id, begun_at) not in context.unsure_begins:
        return False
    notifications.withdraw_attempt(transaction, notification.id)
    return True


def _with_patience(transaction: Transaction, notification: Notification, now: datetime) -> Notification:
    """Extend the time for retries by the time for which a retry was late.

    The time for which its lane was full, or we or our database were away, is no fault of the channel.
    """
    if notification.attempts == 0 or now <= notification.next_attempt_at:
        return notification
    give_up_at = notification.give_up_at + (now - notification.next_attempt_at)
    notifications.extend_deadline(transaction, notification.id, give_up_at)
    return replace(notification, give_up_at=give_up_at)


def _pause_lane(transaction: Transaction, context: Context, notification: Notification) -> None:
    """Pause the lane for the channel's minimum interval between messages.

    The pause holds for all workers.
    """
    channel = context.channel(notification.channel_key)
    if channel is not None and (pause := min_interval(channel)):
        context.jobs.pause_lane(notification.lane, within=transaction, until=context.clock() + pause)
