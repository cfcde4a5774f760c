"""Living messages, as rows: the place of each in its channel."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, literal, or_, select, tuple_, update

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, incidents, living_messages, tracks
from service.model import Color, Incident, Listener, LivingMessage, Notification
from service.store.bulk import BulkInsert
from service.store.rows import Row
from service.store.runs.tracks import StoredTrack, to_stored

_INSERT = BulkInsert(
    living_messages, "ON CONFLICT DO NOTHING", columns=["incident_id", "channel_key", "route", "receiver"]
)
_ORDER_EDITS = (
    update(living_messages)
    .where(
        living_messages.c.incident_id.in_(bindparam("incident_ids", expanding=True)),
        living_messages.c.ts.is_not(None),
    )
    .values(edit_due_at=bindparam("due_at", type_=UtcDateTime))
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
    known = update(living_messages).where(_key(living))
    transaction.execute(known.values(**values, unsure_since=living.unsure_since, edit_due_at=None))


def settle(transaction: Transaction, living: LivingMessage) -> None:
    """Record that an attempt posted nothing: the message is as sure as it was before."""
    known = update(living_messages).where(_key(living))
    transaction.execute(known.values(unsure_since=living.unsure_since))


def find(transaction: Transaction, incident_id: UUID) -> Sequence[LivingMessage]:
    """Return the living messages of an incident."""
    wanted = select(living_messages).where(living_messages.c.incident_id == incident_id)
    return [_to_living(row) for row in transaction.execute(wanted.order_by(living_messages.c.channel_key)).mappings()]


def follow(transaction: Transaction, changed: Sequence[Incident], due_at: datetime) -> None:
    """Order edits of the messages of incidents that changed.

    News of them that are told before make these needless. The message of one that became part of another is the
    other's, where that has none.
    """
    for one in changed:
        if one.merged_into is not None:
            _move(transaction, one.id, one.merged_into)
    order_edits(transaction, {id_ for one in changed for id_ in (one.id, one.merged_into) if id_ is not None}, due_at)


def _move(transaction: Transaction, incident_id: UUID, to: UUID) -> None:
    theirs = select(living_messages.c.channel_key).where(living_messages.c.incident_id == to)
    moving = update(living_messages).where(
        living_messages.c.incident_id == incident_id, living_messages.c.channel_key.not_in(theirs)
    )
    transaction.execute(moving.values(incident_id=to))


def claim_edits(transaction: Transaction, now: datetime, lease_until: datetime, limit: int) -> Sequence[LivingMessage]:
    """Claim messages that are to be edited, for as long as the lease lasts."""
    is_due = and_(living_messages.c.edit_due_at <= now, living_messages.c.unsure_since.is_(None))
    keys = tuple_(living_messages.c.incident_id, living_messages.c.channel_key)
    due = select(living_messages.c.incident_id, living_messages.c.channel_key).where(is_due)
    first = due.order_by(living_messages.c.edit_due_at).limit(limit)
    claiming = update(living_messages).where(keys.in_(first), is_due).values(edit_due_at=lease_until)
    return [_to_living(row) for row in transaction.execute(claiming.returning(*living_messages.c)).mappings()]


def record_edit(
    transaction: Transaction, living: LivingMessage, lease_until: datetime, *, again_at: datetime | None = None
) -> None:
    """Record an edit, or the time of the next try.

    If news of the incident were told meanwhile, it may have undone what they showed: it is to be edited once more.
    """
    key = _key(living)
    is_ours = and_(key, living_messages.c.edit_due_at == lease_until)
    shown = {} if again_at else {"color": living.color, "ts": living.ts}
    ended = update(living_messages).where(is_ours).values(edit_due_at=again_at, **shown)
    if transaction.execute(ended.returning(living_messages.c.channel_key)).first() is None and not again_at:
        transaction.execute(update(living_messages).where(key).values(edit_due_at=lease_until))


def red_tracks(transaction: Transaction) -> Mapping[UUID, StoredTrack]:
    """Return the track of each incident whose message is red, by incident."""
    wanted = (
        select(living_messages.c.incident_id.label("shown"), tracks)
        .join(incidents, incidents.c.id == living_messages.c.incident_id)
        .join(tracks, tracks.c.id == incidents.c.track_id)
        .where(living_messages.c.color == Color.RED, living_messages.c.ts.is_not(None))
        .where(living_messages.c.edit_due_at.is_(None))
    )
    return {row["shown"]: to_stored(row) for row in transaction.execute(wanted).mappings()}


def order_edits(transaction: Transaction, incident_ids: Collection[UUID], due_at: datetime) -> None:
    """Have the messages of these incidents edited."""
    if incident_ids:
        transaction.execute(_ORDER_EDITS, {"incident_ids": list(incident_ids), "due_at": due_at})


def listeners(transaction: Transaction, incident_ids: Collection[UUID]) -> Sequence[Listener]:
    """Return the channels that have a message of these incidents, or may have one."""
    wanted = select(living_messages).where(living_messages.c.incident_id.in_(incident_ids))
    is_there = or_(living_messages.c.ts.is_not(None), living_messages.c.unsure_since.is_not(None))
    rows = transaction.execute(wanted.where(is_there).order_by(living_messages.c.channel_key)).mappings()
    return [
        Listener(**{name: row[name] for name in ("incident_id", "channel_key", "route", "receiver")}) for row in rows
    ]


def prune(transaction: Transaction, *, before: datetime) -> None:
    """Forget the messages of incidents that ended before a time."""
    ended = select(incidents.c.id).where(incidents.c.closed_at < before)
    transaction.execute(delete(living_messages).where(living_messages.c.incident_id.in_(ended)))


def _key(living: LivingMessage) -> ColumnElement[bool]:
    is_incident = living_messages.c.incident_id == living.incident_id
    return and_(is_incident, living_messages.c.channel_key == living.channel_key)


def _to_living(row: Row) -> LivingMessage:
    return LivingMessage(
        incident_id=row["incident_id"],
        channel_key=row["channel_key"],
        color=Color(row["color"]) if row["color"] else None,
        slack_channel=row["slack_channel"],
        ts=row["ts"],
        unsure_since=row["unsure_since"],
    )
