"""Holds as rows: the approvals that workflows wait for."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from service.db.tables import Transaction, holds
from service.model.holds import Hold
from service.store.rows import INSERTS

MAX_LISTED = 1_000


def find(transaction: Transaction, *, is_ended: bool = False) -> Sequence[Hold]:
    """Return the holds, the longest first; or those that ended, newest first."""
    wanted = select(holds).limit(MAX_LISTED)
    if is_ended:
        wanted = wanted.where(holds.c.ended_at.is_not(None)).order_by(holds.c.ended_at.desc(), holds.c.job_id)
    else:
        wanted = wanted.where(holds.c.ended_at.is_(None)).order_by(holds.c.since, holds.c.job_id)
    return [Hold(**row) for row in transaction.execute(wanted).mappings()]


def of_pipeline(transaction: Transaction, pipeline_id: str) -> Sequence[Hold]:
    """Return the holds of a pipeline that have not ended."""
    wanted = select(holds).where(holds.c.pipeline_id == pipeline_id, holds.c.ended_at.is_(None))
    return [Hold(**row) for row in transaction.execute(wanted.order_by(holds.c.job_id)).mappings()]


def get(transaction: Transaction, job_id: str) -> Hold | None:
    """Return the hold of an approval; None if none is on record."""
    row = transaction.execute(select(holds).where(holds.c.job_id == job_id)).mappings().first()
    return Hold(**row) if row else None


def pipelines(transaction: Transaction) -> frozenset[str]:
    """Return the ids of the pipelines that wait."""
    return frozenset(transaction.execute(select(holds.c.pipeline_id).where(holds.c.ended_at.is_(None))).scalars())


def add(transaction: Transaction, hold: Hold) -> bool:
    """Keep a hold; False if it is there already."""
    inserting = INSERTS[transaction.dialect.name](holds).on_conflict_do_nothing().returning(holds.c.job_id)
    return transaction.execute(inserting, vars(hold)).first() is not None


def end(transaction: Transaction, hold: Hold) -> None:
    """Note the end of a hold, once."""
    ending = update(holds).where(holds.c.job_id == hold.job_id, holds.c.ended_at.is_(None))
    ended = {"ended_at": hold.ended_at, "ended_as": hold.ended_as, "approved_by": hold.approved_by}
    transaction.execute(ending.values(**ended))


def forget_old(transaction: Transaction, *, before: datetime) -> None:
    """Delete holds that ended before a time."""
    transaction.execute(delete(holds).where(holds.c.ended_at < before))


def known(transaction: Transaction, job_ids: Collection[str]) -> frozenset[str]:
    """Return those of these approvals that are on record."""
    return frozenset(transaction.execute(select(holds.c.job_id).where(holds.c.job_id.in_(job_ids))).scalars())
