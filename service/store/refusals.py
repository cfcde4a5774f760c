"""The last refused posts: a few rows, which tell why nothing arrives."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from service.db.tables import Transaction, refusals
from service.model import Refusal

MAX_KEPT = 50
MAX_COUNT = 2**31
_COLUMNS = [column for column in refusals.c if column.name not in {"id", "skipped"}]


def keep(transaction: Transaction, refusal: Refusal) -> None:
    """Record a refusal in the row of its reason and address, and delete surplus rows."""
    repeated = delete(refusals).where(
        refusals.c.status == refusal.status,
        refusals.c.reason == refusal.reason,
        refusals.c.address.is_not_distinct_from(refusal.address),
    )
    before = transaction.execute(repeated.returning(refusals.c.skipped)).scalars()
    count = refusal.count + sum(skipped + 1 for skipped in before)
    row = {column.name: getattr(refusal, column.name) for column in _COLUMNS}
    transaction.execute(insert(refusals).values(**row, skipped=min(count, MAX_COUNT) - 1))
    if surplus := _surplus(transaction):
        transaction.execute(delete(refusals).where(refusals.c.id.in_(surplus)))


def _surplus(transaction: Transaction) -> list[int]:
    """Return the rows to delete: the oldest of the most frequent kind.

    So a flood displaces only itself.

    What is mended in the same way is of one kind: a reason may hold words of strangers.
    """
    rows = list(transaction.execute(select(refusals.c.id, refusals.c.next_step).order_by(refusals.c.id)).all())
    surplus = []
    while len(rows) > MAX_KEPT:
        [(frequent, _)] = Counter(kind for _, kind in rows).most_common(1)
        oldest = next(row for row in rows if row.next_step == frequent)
        rows.remove(oldest)
        surplus.append(oldest.id)
    return surplus


def latest(transaction: Transaction, *, limit: int = MAX_KEPT) -> Sequence[Refusal]:
    """Return the last refusals, newest first."""
    found = (
        select(*_COLUMNS, (refusals.c.skipped + 1).label("count"))
        .order_by(refusals.c.at.desc(), refusals.c.id.desc())
        .limit(limit)
    )
    return [Refusal(**row) for row in transaction.execute(found).mappings()]
