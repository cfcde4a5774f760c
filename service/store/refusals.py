"""The last refusals: a few rows, so that a first-run page can say why nothing arrives."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from service.model import Refusal
from service.tables import Transaction, refusals

MAX_KEPT = 50


def keep(transaction: Transaction, refusal: Refusal) -> None:
    """Put a refusal on record, and forget those that are no longer among the last."""
    transaction.execute(insert(refusals).values(**vars(refusal)))
    newest = select(refusals.c.id).order_by(refusals.c.id.desc()).limit(MAX_KEPT)
    transaction.execute(delete(refusals).where(refusals.c.id.not_in(newest)))


def latest(transaction: Transaction, *, limit: int = MAX_KEPT) -> Sequence[Refusal]:
    """Return the last refusals, newest first."""
    columns = [column for column in refusals.c if column is not refusals.c.id]
    found = select(*columns).order_by(refusals.c.id.desc()).limit(limit)
    return [Refusal(**row) for row in transaction.execute(found).mappings()]
