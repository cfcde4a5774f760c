"""The last refused posts: a few rows, which tell why nothing arrives."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, insert, or_, select

from service.db.tables import Transaction, hooks, refusals
from service.model import Refusal

MAX_KEPT = 50
MAX_COUNT = 2**31
_COLUMNS = [column for column in refusals.c if column.key not in {"id", "earlier_count"}]
_LATEST = (  # built once: that takes longer than to run it, and each page does
    select(*_COLUMNS, (refusals.c.earlier_count + 1).label("count"))
    .order_by(refusals.c.at.desc(), refusals.c.id.desc())
    .limit(bindparam("limit"))
)


def keep(transaction: Transaction, refusal: Refusal) -> None:
    """Record a refusal in the row of its reason and address, and delete surplus rows.

    A hook of ours has one row for all addresses: CircleCI posts from many. A refusal that names no hook keeps the one
    of the row before, unless that is known to be ours by now: posts of such a hook have a row of their own.
    """
    is_ours = select(hooks.c.id).where(hooks.c.id == refusal.hook_id).exists()
    repeated = delete(refusals).where(
        refusals.c.status == refusal.status,
        refusals.c.reason == refusal.reason,
        or_(
            refusals.c.address.is_not_distinct_from(refusal.address),
            and_(refusals.c.hook_id == refusal.hook_id, is_ours),
        ),
    )
    before = transaction.execute(repeated.returning(refusals.c.earlier_count, refusals.c.hook_id)).all()
    count = refusal.count + sum(one.earlier_count + 1 for one in before)
    row = {column.key: getattr(refusal, column.key) for column in _COLUMNS}
    row["hook_id"] = refusal.hook_id or _strange_hook(transaction, [one.hook_id for one in before if one.hook_id])
    transaction.execute(insert(refusals).values(**row, earlier_count=min(count, MAX_COUNT) - 1))
    if surplus := _surplus(transaction):
        transaction.execute(delete(refusals).where(refusals.c.id.in_(surplus)))


def _strange_hook(transaction: Transaction, hook_ids: Sequence[str]) -> str | None:
    """Return the first of these hooks that is not known to be ours."""
    ours = set(transaction.execute(select(hooks.c.id).where(hooks.c.id.in_(hook_ids))).scalars()) if hook_ids else ()
    return next((one for one in hook_ids if one not in ours), None)


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
    return [Refusal(**row) for row in transaction.execute(_LATEST, {"limit": limit}).mappings()]
