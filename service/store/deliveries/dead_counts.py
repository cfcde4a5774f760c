"""Counts of dead letters, from partial indexes: scrapers ask every few seconds."""

from sqlalchemy import Label, Table, func, select, text

from service.db.tables import Transaction, deliveries, notifications


def _count(table: Table, name: str, unsettled: str) -> Label[int]:
    # the index's own condition, to the letter: SQLite does not conclude it from the other
    counting = select(func.count()).select_from(table).where(text("state = 'dead'"), text(unsettled))
    return counting.scalar_subquery().label(name)


COUNTS = {
    "delivery": _count(deliveries, "delivery", "state <> 'settled'"),
    "notification": _count(notifications, "notification", "state <> 'sent'"),
}
"""The columns of a statement that counts dead letters."""

_COUNT = select(*COUNTS.values())


def count_dead_letters(transaction: Transaction) -> dict[str, int]:
    """Count the dead letters: ``{"delivery": 0, "notification": 2}``."""
    return dict(transaction.execute(_COUNT).mappings().one())
