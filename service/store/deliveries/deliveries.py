"""Deliveries: kept once each, byte for byte, and what became of them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, and_, bindparam, case, func, or_, select, text, tuple_, update

from service.db.columns import UtcDateTime, is_any
from service.db.tables import Transaction, deliveries, is_unsettled
from service.db.transactions import announce_due
from service.errors import NotFound
from service.model import Backlog, Delivery, DeliveryState
from service.store.bodies import unpack_for_display
from service.store.bulk import BulkInsert, json_rows
from service.store.cursors import SortKey
from service.store.rows import Row, delivery_row, plain_rows, to_delivery

Key = tuple[str, str]
"""The source of a delivery, and what the source calls the event."""

MAX_PAUSE = timedelta(hours=1)  # longer than any pause that we make
OPENING_BYTES = 16_384  # of a body, where many are listed: most are whole with less


def keep_many(transaction: Transaction, arrived: Sequence[Delivery]) -> list[UUID]:
    """Insert deliveries; return the id of each: its own, or that of an earlier copy.

    Two posts of one event may race: the unique key decides which is the first, not a look before the insert. Rows are
    written in the order of that key, so that two processes that keep the same deliveries never wait in a ring.
    """
    times = Counter(map(_key, arrived))
    first = {_key(delivery): delivery for delivery in reversed(arrived)}
    rows = {key: delivery_row(first[key]) | {"repeats": times[key] - 1} for key in sorted(first)}
    keep = _keep_on_sqlite if transaction.dialect.name == "sqlite" else _keep_on_postgres
    ids = keep(transaction, rows)
    announce_due(transaction)
    return [ids[_key(delivery)] for delivery in arrived]


def _key(delivery: Delivery) -> Key:
    return delivery.source, delivery.source_event_id


_KEY = (deliveries.c.source, deliveries.c.source_event_id)
_WRITTEN = (
    *(deliveries.c.id, *_KEY, deliveries.c.via, deliveries.c.received_at, deliveries.c.headers, deliveries.c.body),
    *(deliveries.c.body_dictionary, deliveries.c.signed_index, deliveries.c.signed_fingerprint),
    *(deliveries.c.state, deliveries.c.reason, deliveries.c.repeats),
)
_INSERT_ON_SQLITE = BulkInsert(
    deliveries, "ON CONFLICT (source, source_event_id) DO NOTHING", columns=[column.name for column in _WRITTEN]
)
_COUNT_REPEATS = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("known_id"))
    .values(repeats=deliveries.c.repeats + bindparam("times"))
)


def _keep_on_sqlite(transaction: Transaction, rows: Mapping[Key, dict[str, Any]]) -> Mapping[Key, UUID]:
    """Insert rows on SQLite and count the new ones.

    To return which are new takes twice the time, and nearly always all are.
    """
    if _INSERT_ON_SQLITE(transaction, [*rows.values()]) == len(rows):
        return {key: row["id"] for key, row in rows.items()}

    there = select(*_KEY, deliveries.c.id).where(tuple_(*_KEY).in_(list(rows)))
    ids = {(source, event_id): id_ for source, event_id, id_ in transaction.execute(there)}
    again = [key for key, row in rows.items() if row["id"] != ids[key]]
    transaction.execute(_COUNT_REPEATS, [{"known_id": ids[key], "times": rows[key]["repeats"] + 1} for key in again])
    return ids


_COLUMNS = ", ".join(column.name for column in _WRITTEN)
_INSERT_ON_POSTGRES = text(
    f"""
    INSERT INTO deliveries ({_COLUMNS})
    SELECT {_COLUMNS} FROM json_populate_recordset(NULL::deliveries, CAST(:rows AS json))
    ON CONFLICT (source, source_event_id) DO UPDATE SET repeats = deliveries.repeats + excluded.repeats + 1
    RETURNING source, source_event_id, id
    """  # noqa: S608 - constants of ours
)


def _keep_on_postgres(transaction: Transaction, rows: Mapping[Key, dict[str, Any]]) -> Mapping[Key, UUID]:
    """Insert rows on Postgres, sent as one JSON value.

    A statement that grows with the batch would be parsed anew each time, by driver and server.
    """
    kept = transaction.execute(_INSERT_ON_POSTGRES, {"rows": json_rows(list(rows.values()))})
    return {(source, event_id): id_ for source, event_id, id_ in kept}


# built once: that takes longer than to run them
_SELECT = select(deliveries).where(deliveries.c.id == bindparam("delivery_id"))
_is_kept = (deliveries.c.state == DeliveryState.KEPT, is_unsettled)
_is_due = and_(
    deliveries.c.due_at.is_not(None),
    or_(deliveries.c.due_at <= bindparam("now"), deliveries.c.due_at > bindparam("latest")),
)
_FIRST_NEW = select(deliveries.c.id).where(*_is_kept, deliveries.c.due_at.is_(None)).limit(1)
_FIRST_TIMED = select(deliveries.c.id).where(*_is_kept, _is_due).limit(1)
# Postgres expects few kept rows, for it counts a table when all are settled, and would read and sort a whole backlog to
# find its oldest. Of a limit that it cannot see it expects a tenth of the rows, and so goes by the order of an index.
_AT_MOST = select(bindparam("at_most", type_=Integer)).scalar_subquery()
_CLAIM_TIMED = (
    select(deliveries)
    # only kept rows have a time; asked for the state like this, it does not go through all of them for those few
    .where(deliveries.c.state.concat("") == DeliveryState.KEPT, _is_due)
    .order_by(deliveries.c.due_at)
    .limit(_AT_MOST)
    .with_for_update(skip_locked=True)
)
_CLAIM_NEW = (
    select(deliveries)
    .where(*_is_kept, case((deliveries.c.due_at.is_(None), True), else_=False))
    .order_by(deliveries.c.received_at)
    .limit(_AT_MOST)
    .with_for_update(skip_locked=True)
)
_SETTLE = (
    update(deliveries)
    # without is_unsettled: SQLite would read the whole backlog by that index instead of these few by their ids
    .where(is_any(deliveries.c.id, "ids"), deliveries.c.state == DeliveryState.KEPT)
    .values(state=DeliveryState.SETTLED, reason=None, due_at=None)
    .returning(deliveries.c.id)
)


def find(transaction: Transaction, delivery_id: UUID) -> Delivery:
    """The delivery, body and all. Raises NotFound, and Permanent for a damaged body."""
    return to_delivery(_find_row(transaction, delivery_id))


def find_for_display(transaction: Transaction, delivery_id: UUID) -> Delivery:
    """Return the delivery, with the stored bytes for a damaged body. Raises NotFound."""
    return to_delivery(_find_row(transaction, delivery_id), read_body=unpack_for_display)


def _find_row(transaction: Transaction, delivery_id: UUID) -> Row:
    found = transaction.execute(_SELECT, {"delivery_id": delivery_id}).mappings().first()
    if found is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    return found


_LOCK = select(deliveries.c.id).where(deliveries.c.id == bindparam("delivery_id")).with_for_update()


def lock(transaction: Transaction, delivery_id: UUID) -> bool:
    """Lock a delivery against pruning until the transaction ends; False if it is gone.

    On SQLite there is one writer at a time, and no need.
    """
    return transaction.execute(_LOCK, {"delivery_id": delivery_id}).first() is not None


@dataclass(frozen=True, kw_only=True)
class ClaimedDelivery:
    """A claimed delivery, whose body is unpacked when it is read.

    read   returns the delivery; raises Permanent for a damaged body
    """

    id: UUID
    read: Callable[[], Delivery]


def claim(transaction: Transaction, *, now: datetime, limit: int) -> Sequence[ClaimedDelivery]:
    """Claim kept deliveries that are due until the transaction ends.

    Timed ones come first, then the new, oldest first.

    Those that another process has claimed are left out. A time that no pause explains, since the clock was ahead when
    it was set, counts as due.
    """
    due = {"now": now, "latest": now + MAX_PAUSE, "at_most": limit}
    rows = list(plain_rows(transaction.execute(_CLAIM_TIMED, due)))
    if len(rows) < limit:
        rows += plain_rows(transaction.execute(_CLAIM_NEW, {"at_most": limit - len(rows)}))
    return [ClaimedDelivery(id=row["id"], read=partial(to_delivery, row)) for row in rows]


_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(748211905)")  # of who decides; any other number would do


def try_lock(transaction: Transaction) -> bool:
    """Lock the decisions until the transaction ends; False if another has them.

    Two workers that decide at once would mostly wait for each other, as batches have branches in common, and judge the
    runs of one in the order in which they come to it. On SQLite there is one writer at a time, and no need.
    """
    return transaction.dialect.name == "sqlite" or bool(transaction.execute(_TRY_LOCK).scalar())


def has_due(transaction: Transaction, now: datetime) -> bool:
    """Tell whether a kept delivery is due."""
    due = {"now": now, "latest": now + MAX_PAUSE}
    return bool(transaction.execute(_FIRST_NEW).first() or transaction.execute(_FIRST_TIMED, due).first())


def backlog(transaction: Transaction, now: datetime) -> Backlog:
    """Return the number of deliveries that are due, and the age of the oldest."""
    since = func.coalesce(deliveries.c.due_at, deliveries.c.received_at, type_=UtcDateTime)
    counting = select(func.count(), func.min(since)).where(
        *_is_kept, or_(deliveries.c.due_at.is_(None), deliveries.c.due_at <= now)
    )
    depth, oldest = transaction.execute(counting).one()
    return Backlog(depth=depth, oldest_age_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)


def settle(transaction: Transaction, delivery_ids: Collection[UUID]) -> Collection[UUID]:
    """Mark kept deliveries as decided on; return the ids of those that were kept."""
    return set(transaction.execute(_SETTLE, {"ids": list(delivery_ids)}).scalars())


def put_off(transaction: Transaction, delivery_ids: Collection[UUID], *, until: datetime) -> None:
    """Put kept deliveries off until a time."""
    later = update(deliveries).where(deliveries.c.id.in_(delivery_ids), *_is_kept).values(due_at=until)
    transaction.execute(later)


def release(transaction: Transaction, delivery_id: UUID) -> None:
    """End the wait of a kept delivery: it is due since its receipt."""
    due = update(deliveries).where(deliveries.c.id == delivery_id, *_is_kept).values(due_at=deliveries.c.received_at)
    transaction.execute(due)
    announce_due(transaction)


def lock_kept(transaction: Transaction, delivery_id: UUID) -> bool:
    """Lock a kept delivery until the transaction ends; False if it is not kept."""
    held = select(deliveries.c.id).where(deliveries.c.id == delivery_id, *_is_kept).with_for_update()
    return transaction.execute(held).first() is not None


def mark_dead(transaction: Transaction, delivery_id: UUID, reason: str) -> bool:
    """Make a delivery a dead letter, with a reason; False if it is settled already.

    A worker of another release may have understood it meanwhile.
    """
    marking = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.KEPT)
        .values(state=DeliveryState.DEAD, reason=reason, due_at=None)
        .returning(deliveries.c.id)
    )
    return transaction.execute(marking).first() is not None


def mark_kept(transaction: Transaction, delivery_id: UUID) -> bool:
    """Mark a delivery to be judged again; False if it is kept already, or not there."""
    marking = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state != DeliveryState.KEPT)
        .values(state=DeliveryState.KEPT, reason=None, failures=0, put_offs=0, due_at=None)
        .returning(deliveries.c.id)
    )
    announce_due(transaction)
    return transaction.execute(marking).first() is not None


def dismiss(transaction: Transaction, delivery_id: UUID) -> bool:
    """Put a dead letter away, its reason kept; False when it is none."""
    put_away = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.DEAD)
        .values(state=DeliveryState.DISMISSED)
        .returning(deliveries.c.id)
    )
    return transaction.execute(put_away).first() is not None


def count_failure(transaction: Transaction, delivery_id: UUID, reason: str, *, is_temporary: bool = False) -> int:
    """Count a failure to decide on the delivery; return the number of its kind.

    is_temporary   it was expected to pass by itself: such failures have a count of their own
    """
    count = deliveries.c.put_offs if is_temporary else deliveries.c.failures
    failing = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values({count: count + 1, deliveries.c.reason: reason})
        .returning(count)
    )
    failures: int = transaction.execute(failing).scalar_one()
    return failures


def find_dead(
    transaction: Transaction, *, limit: int, dismissed: bool = False, beyond: SortKey | None = None
) -> list[tuple[Delivery, int]]:
    """Return dead deliveries, newest first, with the start and length of their bodies.

    dismissed   those that a person dismissed instead
    beyond      only those after this place of the list, which goes by ``received_at``
    """
    state = DeliveryState.DISMISSED if dismissed else DeliveryState.DEAD
    others = [column for column in deliveries.c if column.name != "body"]
    waiting = (
        select(*others, _OPENING.label("body"), func.length(deliveries.c.body).label("stored_bytes"))
        .where(deliveries.c.state == state, is_unsettled)
        .order_by(deliveries.c.received_at.desc(), deliveries.c.id.desc())
        .limit(limit)
    )
    if beyond is not None:
        waiting = waiting.where(tuple_(deliveries.c.received_at, deliveries.c.id) < beyond.sql)
    rows = transaction.execute(waiting).mappings()
    return [_to_opening(to_delivery(row, read_body=unpack_for_display), row) for row in rows]


_CUT = func.coalesce(func.substr(deliveries.c.body, 1, OPENING_BYTES, type_=LargeBinary), b"")  # SQLite has NULL for ""
_OPENING = case((deliveries.c.body_dictionary.is_(None), _CUT), else_=deliveries.c.body)
"""A compressed body is read whole: it is of limited size, and has no beginning of its own."""


def _to_opening(delivery: Delivery, row: Row) -> tuple[Delivery, int]:
    if row["body_dictionary"] is None:
        return delivery, row["stored_bytes"]
    return replace(delivery, body=delivery.body[:OPENING_BYTES]), len(delivery.body)


def find_dead_ids(
    transaction: Transaction, *, since: datetime | None, until: datetime | None, limit: int
) -> Sequence[UUID]:
    """Return the ids of dead deliveries received in a span of time, newest first."""
    waiting = select(deliveries.c.id).where(deliveries.c.state == DeliveryState.DEAD, is_unsettled)
    if since is not None:
        waiting = waiting.where(deliveries.c.received_at >= since)
    if until is not None:
        waiting = waiting.where(deliveries.c.received_at < until)
    newest_first = waiting.order_by(deliveries.c.received_at.desc(), deliveries.c.id)
    return transaction.execute(newest_first.limit(limit)).scalars().all()


def any_unsettled(transaction: Transaction) -> DeliveryState | None:
    """Return the state of a delivery without an event; None if there is none."""
    others = deliveries.c.state.in_([state for state in DeliveryState if state is not DeliveryState.SETTLED])
    state = transaction.execute(select(deliveries.c.state).where(others, is_unsettled).limit(1)).scalar()
    return DeliveryState(state) if state else None


def count_unjudged(transaction: Transaction) -> int:
    """Count the deliveries that are not judged yet."""
    counting = select(func.count()).where(deliveries.c.state == DeliveryState.KEPT, is_unsettled)
    return transaction.execute(counting).scalar() or 0
