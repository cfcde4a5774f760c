"""Operators' actions, on record: replay a delivery, resend, dismiss a dead letter."""

from datetime import datetime
from uuid import UUID

from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Action, Notification
from service.pipeline.context import RetryPolicy
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.queue.base import JobQueue
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.events import events
from service.store.notifications import notifications, summaries
from service.text import clean

GIVE_UP_AFTER = RetryPolicy.give_up_after
MAX_REASON = 500


async def replay(store: Store, delivery_id: UUID, *, who: str, at: datetime) -> None:
    """Have a delivery judged again by the current routes.

    Details that the source did not give are requested again. A channel that has the message gets no second one.
    Raises NotFound, or BadRequest while a judgment is still to come: a replay would change nothing.
    """

    def judge_again(transaction: Transaction) -> None:
        if not deliveries.mark_kept(transaction, delivery_id):
            deliveries.find_for_display(transaction, delivery_id)
            raise BadRequest(f"delivery {delivery_id} is being judged: replay it once that is done", status=409)
        events.retry_missing_details(transaction, delivery_id)
        actions.record(transaction, Action(verb="replay", subject_id=delivery_id, who=who, at=at))

    await store.write(judge_again)


async def resend(store: Store, jobs: JobQueue, notification_id: UUID, *, who: str, at: datetime) -> Notification:
    """Enqueue a notification to be sent again, even one that was sent.

    Raises NotFound, or BadRequest while it is being sent: a success of that attempt would settle the notification,
    and the resend would be lost.
    """

    def send_again(transaction: Transaction) -> Notification:
        notification = notifications.requeue(transaction, notification_id, at=at, patience=GIVE_UP_AFTER)
        if notification is None:
            sentence = (
                f"notification {notification_id} is being sent: see what comes of this attempt before you resend it"
            )
            raise BadRequest(sentence, status=409)
        summaries.note_resend(transaction, notification_id)
        actions.record(transaction, Action(verb="resend", subject_id=notification_id, who=who, at=at))
        enqueue_heads(transaction, jobs, [notification], at)
        return notification

    return await store.write(send_again)


async def dismiss_delivery(store: Store, delivery_id: UUID, *, who: str, at: datetime, because: str = "") -> None:
    """Close a delivery that was not understood. It can still be replayed.

    because   why, for the record; may be empty
    Raises NotFound, or BadRequest when it is no dead letter.
    """

    def close(transaction: Transaction) -> None:
        if not deliveries.dismiss(transaction, delivery_id):
            found = deliveries.find_for_display(transaction, delivery_id)
            raise _nothing_to_dismiss(f"delivery {delivery_id} is {found.state}")
        _record_dismissal(transaction, delivery_id, who=who, at=at, because=because)

    await store.write(close)


async def dismiss_notification(
    store: Store, notification_id: UUID, *, who: str, at: datetime, because: str = ""
) -> None:
    """Close a notification that could not be sent. It can still be resent.

    because   why, for the record; may be empty
    Raises NotFound, or BadRequest when it is no dead letter.
    """

    def close(transaction: Transaction) -> None:
        if not notifications.dismiss(transaction, notification_id):
            found = notifications.find(transaction, notification_id)
            raise _nothing_to_dismiss(f"notification {notification_id} is {found.state}")
        _record_dismissal(transaction, notification_id, who=who, at=at, because=because)

    await store.write(close)


def _nothing_to_dismiss(state: str) -> BadRequest:
    return BadRequest(f"{state}: only a dead letter can be dismissed", status=409)


def to_reason(because: str) -> str | None:
    """Return the reason for the record; None if it is empty. Raises BadRequest."""
    reason = clean(because.strip()) or None
    if reason and len(reason) > MAX_REASON:
        raise BadRequest(f"a reason may have {MAX_REASON} characters, and this one has {len(reason)}; shorten it")
    return reason


def _record_dismissal(transaction: Transaction, subject_id: UUID, *, who: str, at: datetime, because: str) -> None:
    reason = to_reason(because)
    actions.record(transaction, Action(verb="dismiss", subject_id=subject_id, who=who, at=at, reason=reason))
