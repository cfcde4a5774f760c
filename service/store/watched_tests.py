"""Watched tests: those that failed lately, whose passes are of interest too."""

from service.db.tables import Transaction
from service.model import Event


def is_watched(transaction: Transaction, event: Event) -> bool:
    """Return whether a test of the event's project is watched."""
    del transaction, event
    return False
