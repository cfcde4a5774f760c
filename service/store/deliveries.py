"""Deliveries: kept once each, byte for byte, and what became of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update

from service.errors import NotFound
from service.model import Delivery, DeliveryState
from service.store.queue import has_job
from service.store.rows import delivery_row, insert_new, to_delivery
from service.tables import Transaction, deliveries


async def keep(transaction: Transaction, delivery: Delivery) -> UUID | None:
    """Keep a delivery; None when it is new, else the id under which the same one was kept before.

    Two posts of one event may race: the unique key decides which is the first, not a look before the insert.
    """
    if await insert_new(transaction, deliveries, delivery_row(delivery)):
        return None
    same = (
        deliveries.c.source == delivery.source,
        deliveries.c.source_event_id == delivery.source_event_id,
    )
    await transaction.execute(update(deliveries).where(*same).values(repeats=deliveries.c.repeats + 1))
    first: UUID = (await transaction.execute(select(deliveries.c.id).where(*same))).scalar_one()
    return first


async def find(transaction: Transaction, delivery_id: UUID) -> Delivery:
    """The delivery, body and all. Raises NotFound."""
    found = (await transaction.execute(select(deliveries).where(deliveries.c.id == delivery_id))).mappings().first()
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    return to_delivery(found)


async def settle(transaction: Transaction, delivery_id: UUID) -> bool:
    """Say that the delivery has been judged; False when somebody else said so first, and nothing is to be written."""
    judged = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.KEPT)
        .values(state=DeliveryState.SETTLED, reason=None)
        .returning(deliveries.c.id)
    )
    return (await transaction.execute(judged)).first() is not None


async def bury(transaction: Transaction, delivery_id: UUID, reason: str) -> None:
    """Make the delivery a dead letter: it waits for a person, who reads the reason."""
    await _become(transaction, delivery_id, DeliveryState.DEAD, reason=reason)


async def revive(transaction: Transaction, delivery_id: UUID) -> None:
    """Have the delivery judged again, as if it had just come."""
    await _become(transaction, delivery_id, DeliveryState.KEPT, reason=None)


async def _become(transaction: Transaction, delivery_id: UUID, state: DeliveryState, *, reason: str | None) -> None:
    new = {"state": state, "reason": reason} | ({} if reason else {"failures": 0})
    await transaction.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**new))


async def count_failure(transaction: Transaction, delivery_id: UUID, reason: str) -> int:
    """Note that judging the delivery failed for a reason nobody foresaw; how often that happened by now."""
    failing = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(failures=deliveries.c.failures + 1, reason=reason)
        .returning(deliveries.c.failures)
    )
    failures: int = (await transaction.execute(failing)).scalar_one()
    return failures


async def dead(transaction: Transaction, *, limit: int) -> list[Delivery]:
    """The deliveries that wait for a person, newest first."""
    waiting = (
        select(deliveries)
        .where(deliveries.c.state == DeliveryState.DEAD)
        .order_by(deliveries.c.received_at.desc())
        .limit(limit)
    )
    return [to_delivery(row) for row in (await transaction.execute(waiting)).mappings()]


async def count_unjudged(transaction: Transaction) -> int:
    """How many deliveries are yet to be judged."""
    counting = select(func.count()).where(deliveries.c.state == DeliveryState.KEPT)
    return (await transaction.execute(counting)).scalar() or 0


async def forgotten(transaction: Transaction, *, before: datetime, limit: int) -> Sequence[UUID]:
    """Deliveries kept before a time, not judged, and without a job that would judge them."""
    lost = (
        select(deliveries.c.id)
        .where(
            deliveries.c.state == DeliveryState.KEPT,
            deliveries.c.received_at < before,
            ~has_job(transaction, deliveries.c.id),
        )
        .limit(limit)
    )
    return (await transaction.execute(lost)).scalars().all()
