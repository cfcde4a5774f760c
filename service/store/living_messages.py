"""Living messages, as rows: the place of each in its channel."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, update

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, living_messages
from service.model import Color, Listener, LivingMessage, Notification
from service.store.bulk import BulkInsert
from service.store.rows import Row

_INSERT = BulkInsert(
    living_messages, "ON CONFLICT DO NOTHING", columns=["incident_id", "channel_key", "route", "receiver"]
)


def begin(transaction: Transaction, notification: Notification, now: datetime) -> LivingMessage:
    """Return the living message of news as it is before an attempt.

    From now on it is unsure. Only for the holder of the channel's lane, and for news of an incident.
    """
    _INSERT(transaction, [vars(notification)])
    key = and_(
        living_messages.c.incident_id == notification.incident_id,
        living_messages.c.channel_key == notification.channel_key,
    )
    found = _to_living(transaction.execute(select(living_messages).where(key)).mappings().one())
    since = func.coalesce(living_messages.c.unsure_since, literal(now, UtcDateTime), type_=UtcDateTime)
    transaction.execute(update(living_messages).where(key).values(unsure_since=since))
    return found


def record(transaction: Transaction, living: LivingMessage) -> None:
    """Record a living message as the channel has it now."""
    values = {"color": living.color, "slack_channel": living.slack_channel, "ts": living.ts}
    known = update(living_messages).where(_key(living.incident_id, living.channel_key))
    transaction.execute(known.values(**values, unsure_since=living.unsure_since))


def settle(transaction: Transaction, living: LivingMessage) -> None:
    """Record that an attempt posted nothing: the message is as sure as it was before."""
    known = update(living_messages).where(_key(living.incident_id, living.channel_key))
    transaction.execute(known.values(unsure_since=living.unsure_since))


def find(transaction: Transaction, incident_id: UUID) -> Sequence[LivingMessage]:
    """Return the living messages of an incident."""
    wanted = select(living_messages).where(living_messages.c.incident_id == incident_id)
    return [_to_living(row) for row in transaction.execute(wanted.order_by(living_messages.c.channel_key)).mappings()]


def listeners(transaction: Transaction, incident_ids: Collection[UUID]) -> Sequence[Listener]:
    """Return the channels that have a message of these incidents, or may have one."""
    wanted = select(living_messages).where(living_messages.c.incident_id.in_(incident_ids))
    is_there = or_(living_messages.c.ts.is_not(None), living_messages.c.unsure_since.is_not(None))
    rows = transaction.execute(wanted.where(is_there).order_by(living_messages.c.channel_key)).mappings()
    return [
        Listener(**{name: row[name] for name in ("incident_id", "channel_key", "route", "receiver")}) for row in rows
    ]


def _key(incident_id: UUID, channel_key: str) -> ColumnElement[bool]:
    return and_(living_messages.c.incident_id == incident_id, living_messages.c.channel_key == channel_key)


def _to_living(row: Row) -> LivingMessage:
    return LivingMessage(
        incident_id=row["incident_id"],
        channel_key=row["channel_key"],
        color=Color(row["color"]) if row["color"] else None,
        slack_channel=row["slack_channel"],
        ts=row["ts"],
        unsure_since=row["unsure_since"],
    )
