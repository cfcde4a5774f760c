"""Ids as people type them: a beginning is enough where it is the beginning of one alone."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, select

from service.db.tables import Transaction

DIGITS = 32


def beginning_with(transaction: Transaction, column: Column[UUID], digits: str, *, limit: int) -> Sequence[UUID]:
    """The ids of a column that begin with these hexadecimal digits; a stretch of its index, whatever the database."""
    first, last = UUID(digits.ljust(DIGITS, "0")), UUID(digits.ljust(DIGITS, "f"))
    found = select(column).where(column >= first, column <= last).order_by(column).limit(limit)
    return transaction.execute(found).scalars().all()
