"""Known problems that people added, as rows."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from service.db.tables import Transaction, known_problems
from service.errors import NotFound
from service.model import KnownProblem
from service.store.rows import Row

_OLDEST_FIRST = select(known_problems).order_by(known_problems.c.created_at, known_problems.c.id)


def put(transaction: Transaction, problem: KnownProblem) -> None:
    """Insert a known problem."""
    transaction.execute(insert(known_problems).values(**vars(problem)))


def find(transaction: Transaction, problem_id: UUID) -> KnownProblem:
    """Return a known problem. Raises NotFound."""
    found = transaction.execute(select(known_problems).where(known_problems.c.id == problem_id)).mappings().first()
    if found is None:
        raise NotFound(f"there is no known problem {problem_id}; ids are in `roundsman known-problems list --all`")
    return _to_problem(found)


def find_all(transaction: Transaction) -> Sequence[KnownProblem]:
    """Return all known problems, oldest first."""
    return [_to_problem(row) for row in transaction.execute(_OLDEST_FIRST).mappings()]


def close(transaction: Transaction, problem_id: UUID, now: datetime, *, who: str) -> bool:
    """Close a known problem; False if it is closed."""
    closing = (
        update(known_problems)
        .where(known_problems.c.id == problem_id, known_problems.c.closed_at.is_(None))
        .values(closed_at=now, closed_by=who)
        .returning(known_problems.c.id)
    )
    return transaction.execute(closing).first() is not None


def reopen(transaction: Transaction, problem: KnownProblem, now: datetime) -> bool:
    """Reopen a known problem that was closed, or whose time is over.

    Returns False if another transaction was first.
    """
    reopening = (
        update(known_problems)
        .where(
            known_problems.c.id == problem.id,
            known_problems.c.closed_at.is_not_distinct_from(problem.closed_at),
            known_problems.c.until.is_not_distinct_from(problem.until),
        )
        .values(closed_at=None, closed_by=None, until=None, reopened_at=now)
        .returning(known_problems.c.id)
    )
    return transaction.execute(reopening).first() is not None


def _to_problem(row: Row) -> KnownProblem:
    return KnownProblem(**row)
