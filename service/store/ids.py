"""Abbreviated ids: a prefix is enough where only one id has it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, select

from service.db.tables import Transaction

DIGITS = 32


def find_by_prefix(transaction: Transaction, column: Column[UUID], digits: str, *, limit: int) -> Sequence[UUID]:
    """Return the ids of a column with a prefix of hexadecimal digits.

    A range of its index, on both databases.
    """
    first, last = UUID(digits.ljust(DIGITS, "0")), UUID(digits.ljust(DIGITS, "f"))
    found = select(column).where(column >= first, column <= last).order_by(column).limit(limit)
    return transaction.execute(found).scalars().all()
