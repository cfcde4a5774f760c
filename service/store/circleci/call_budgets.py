"""Budgets of calls: how many of a minute are taken, whichever process takes them."""

from datetime import datetime

from sqlalchemy import case

from service.db.tables import Transaction, call_budgets
from service.store.rows import INSERTS


def take(transaction: Transaction, name: str, *, now: datetime, limit: int) -> bool:
    """Take a call of a minute; False if so many of it are taken.

    One statement, so that of two processes that take the last one at once only one has it.
    """
    minute = now.replace(second=0, microsecond=0)
    first = INSERTS[transaction.dialect.name](call_budgets).values(name=name, minute_at=minute, taken=1)
    is_same = call_budgets.c.minute_at == minute
    taking = first.on_conflict_do_update(
        index_elements=["name"],
        set_={"minute_at": minute, "taken": case((is_same, call_budgets.c.taken + 1), else_=1)},
        where=~is_same | (call_budgets.c.taken < limit),
    )
    return transaction.execute(taking.returning(call_budgets.c.taken)).first() is not None
