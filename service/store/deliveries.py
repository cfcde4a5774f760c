"""Deliveries: kept once each, byte for byte, and what became of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from service.errors import NotFound
from service.model import Delivery, DeliveryState
from service.store.rows import delivery_row, to_delivery
from service.tables import Transaction, deliveries, is_unsettled

OPENING_BYTES = 16_384  # of a body, where many are listed: most are whole with less


def keep_many(transaction: Transaction, arrived: Sequence[Delivery]) -> list[UUID]:
    """Keep deliveries; the id under which each is on record: its own, or that of the same one that came before it.

    Two posts of one event may race: the unique key decides which is the first, not a look before the insert. Rows are
    written in the order of that key, so that two processes that keep the same deliveries never wait in a ring.
    """
    times = Counter(map(_key, arrived))
    first = {_key(delivery): delivery for delivery in reversed(arrived)}
    rows = [delivery_row(first[key]) | {"repeats": times[key] - 1} for key in sorted(first)]
    kept = transaction.execute(_KEEPING[transaction.dialect.name], rows)
    ids = {(row.source, row.source_event_id): row.id for row in kept}
    return [ids[_key(delivery)] for delivery in arrived]


def _key(delivery: Delivery) -> tuple[str, str]:
    return delivery.source, delivery.source_event_id


def _keeping(insert: Any) -> ReturningInsert[Any]:
    """An INSERT of many rows at once that counts a repeat where the row is there already."""
    new = insert(deliveries)
    repeats = deliveries.c.repeats + new.excluded.repeats + literal_column("1")
    upsert = new.on_conflict_do_update(index_elements=["source", "source_event_id"], set_={"repeats": repeats})
    keeping: ReturningInsert[Any] = upsert.returning(deliveries.c.source, deliveries.c.source_event_id, deliveries.c.id)
    return keeping


_KEEPING = {"sqlite": _keeping(sqlite.insert), "postgresql": _keeping(postgresql.insert)}


def find(transaction: Transaction, delivery_id: UUID) -> Delivery:
    """The delivery, body and all. Raises NotFound."""
    found = transaction.execute(select(deliveries).where(deliveries.c.id == delivery_id)).mappings().first()
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    return to_delivery(found)


def hold(transaction: Transaction, delivery_id: UUID) -> bool:
    """Have nobody forget the delivery, and all that belongs to it, before the transaction ends; False when it is gone.

    On SQLite nobody could: one writes at a time.
    """
    held = select(deliveries.c.id).where(deliveries.c.id == delivery_id).with_for_update()
    return transaction.execute(held).first() is not None


def settle(transaction: Transaction, delivery_id: UUID) -> bool:
    """Say that the delivery has been judged; False when somebody else said so first, and nothing is to be written."""
    judged = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.KEPT)
        .values(state=DeliveryState.SETTLED, reason=None)
        .returning(deliveries.c.id)
    )
    return transaction.execute(judged).first() is not None


def bury(transaction: Transaction, delivery_id: UUID, reason: str) -> None:
    """Make the delivery a dead letter: it waits for a person, who reads the reason."""
    _become(transaction, delivery_id, DeliveryState.DEAD, reason=reason)


def revive(transaction: Transaction, delivery_id: UUID) -> None:
    """Have the delivery judged again, as if it had just come."""
    _become(transaction, delivery_id, DeliveryState.KEPT, reason=None)


def dismiss(transaction: Transaction, delivery_id: UUID) -> bool:
    """Put a dead letter away, its reason kept; False when it is none."""
    put_away = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.DEAD)
        .values(state=DeliveryState.DISMISSED)
        .returning(deliveries.c.id)
    )
    return transaction.execute(put_away).first() is not None


def _become(transaction: Transaction, delivery_id: UUID, state: DeliveryState, *, reason: str | None) -> None:
    new = {"state": state, "reason": reason} | ({} if reason else {"failures": 0})
    transaction.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**new))


def count_failure(transaction: Transaction, delivery_id: UUID, reason: str) -> int:
    """Note that judging the delivery failed for a reason nobody foresaw; how often that happened by now."""
    failing = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(failures=deliveries.c.failures + 1, reason=reason)
        .returning(deliveries.c.failures)
    )
    failures: int = transaction.execute(failing).scalar_one()
    return failures


def dead(transaction: Transaction, *, limit: int, dismissed: bool = False) -> list[tuple[Delivery, int]]:
    """The deliveries that wait for a person, newest first: of each the beginning of its body, and the whole length.

    dismissed   those that a person has put away instead
    """
    state = DeliveryState.DISMISSED if dismissed else DeliveryState.DEAD
    others = [column for column in deliveries.c if column.name != "body"]
    opening = func.substr(deliveries.c.body, 1, OPENING_BYTES, type_=LargeBinary)
    waiting = (
        select(*others, opening.label("body"), func.length(deliveries.c.body).label("body_bytes"))
        .where(deliveries.c.state == state, is_unsettled)
        .order_by(deliveries.c.received_at.desc())
        .limit(limit)
    )
    rows = transaction.execute(waiting).mappings()
    return [(to_delivery(row), row["body_bytes"]) for row in rows]


def count_unjudged(transaction: Transaction) -> int:
    """How many deliveries are yet to be judged."""
    counting = select(func.count()).where(deliveries.c.state == DeliveryState.KEPT, is_unsettled)
    return transaction.execute(counting).scalar() or 0
