"""Doing things again on an operator's word: replay a delivery, resend a notification. Both leave a record."""

from datetime import datetime, timedelta
from uuid import UUID

from service.jobs import Jobs
from service.model import Action, Notification
from service.store import Store, actions, deliveries, events, notifications

PATIENCE = timedelta(hours=1)


async def replay(store: Store, jobs: Jobs, delivery_id: UUID, *, who: str, at: datetime) -> None:
    """Have a delivery judged again by the routes of today, and ask the source again for what it would not say.

    Who has been told is not told twice. Raises NotFound.
    """
    async with store.writing() as transaction:
        await deliveries.find(transaction, delivery_id)
        await deliveries.revive(transaction, delivery_id)
        await events.reopen_gaps(transaction, delivery_id)
        await actions.record(transaction, Action(verb="replay", subject_id=delivery_id, who=who, at=at))
        await jobs.later("process", delivery_id, within=transaction)


async def resend(store: Store, jobs: Jobs, notification_id: UUID, *, who: str, at: datetime) -> Notification:
    """Send a notification again, also one that was sent: a person asked for it. Raises NotFound."""
    async with store.writing() as transaction:
        notification = await notifications.owe_again(transaction, notification_id, at=at, patience=PATIENCE)
        await actions.record(transaction, Action(verb="resend", subject_id=notification_id, who=who, at=at))
        await jobs.later("send", notification_id, within=transaction, lane=notification.channel_key)
    return notification
