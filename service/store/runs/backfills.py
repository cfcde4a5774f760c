"""The filling in of history: runs of events that were judged before runs were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text, update

from service.db.tables import Transaction, backfills, deliveries, events
from service.model import Delivery, EventKind
from service.store.rows import to_delivery

RUNS = "runs"

# the newest red run of each track that is red: its messages told channels so
_SEED_TOLD = text("""
    INSERT INTO told (track_id, channel_key, color, at)
    SELECT incidents.track_id, notifications.channel_key, 'red', max(notifications.sent_at)
    FROM incidents
    JOIN tracks ON tracks.incident_id = incidents.id
    JOIN runs ON runs.id = incidents.last_red
    JOIN notifications ON notifications.event_id = runs.event_id
    WHERE notifications.sent_at IS NOT NULL
    GROUP BY incidents.track_id, notifications.channel_key
    ON CONFLICT (track_id, channel_key) DO NOTHING
""")


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The next deliveries of completed workflows, and the place to go on from."""

    deliveries: Sequence[Delivery]
    mark: int
    share: float


def is_needed(transaction: Transaction) -> bool:
    """Return whether there is history to fill in."""
    return transaction.execute(select(backfills.c.name).where(backfills.c.done_at.is_(None))).first() is not None


def next_chunk(transaction: Transaction, limit: int) -> Chunk | None:
    """Return the next deliveries, and hold the others off; None at the end."""
    going = select(backfills).where(backfills.c.name == RUNS, backfills.c.done_at.is_(None)).with_for_update()
    row = transaction.execute(going).mappings().first()
    if row is None:
        return None
    places = (
        select(events.c.place, events.c.id, events.c.kind)
        .where(events.c.place > row["mark"], events.c.place <= row["last"])
        .order_by(events.c.place)
        .limit(limit)
    )
    found = transaction.execute(places).all()
    if not found:
        return None
    ids = [one.id for one in found if one.kind == EventKind.WORKFLOW_COMPLETED]
    kept = select(deliveries).where(deliveries.c.id.in_(ids))
    there = {one["id"]: to_delivery(one) for one in transaction.execute(kept).mappings()}
    mark = found[-1].place
    share = (mark - row["first"]) / max(1, row["last"] - row["first"])
    return Chunk(deliveries=[there[one] for one in ids if one in there], mark=mark, share=share)


def go_on_from(transaction: Transaction, mark: int) -> None:
    """Note the place that was reached."""
    transaction.execute(update(backfills).where(backfills.c.name == RUNS).values(mark=mark))


def finish(transaction: Transaction, now: datetime) -> None:
    """Note the end, and what channels know of the tracks that are red."""
    done = update(backfills).where(backfills.c.name == RUNS, backfills.c.done_at.is_(None)).values(done_at=now)
    if transaction.execute(done.returning(backfills.c.name)).first() is not None:
        transaction.execute(_SEED_TOLD)
