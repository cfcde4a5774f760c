"""Counts of dead letters, from partial indexes: scrapers ask every few seconds."""

from sqlalchemy import Table, func, select, text

from service.db.tables import Transaction, deliveries, notifications


def count_dead_letters(transaction: Transaction) -> dict[str, int]:
    """Count the dead letters: ``{"delivery": 0, "notification": 2}``."""
    return {
        "delivery": _count(transaction, deliveries, "state <> 'settled'"),
        "notification": _count(transaction, notifications, "state <> 'sent'"),
    }


def _count(transaction: Transaction, table: Table, unsettled: str) -> int:
    # the index's own condition, to the letter: SQLite does not conclude it from the other
    counting = select(func.count()).select_from(table).where(text("state = 'dead'"), text(unsettled))
    found: int = transaction.execute(counting).scalar_one()
    return found
