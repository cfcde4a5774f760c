"""Backfills of projects, each with the place from which it can go on."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select

from service.db.tables import Transaction, project_backfills
from service.model.reconciling import BackfillState
from service.store.rows import insert_or_replace


def find(transaction: Transaction, slug: str) -> BackfillState | None:
    """Return the last backfill of a project; None if there was none."""
    row = transaction.execute(select(project_backfills).where(project_backfills.c.slug == slug)).mappings().first()
    return BackfillState(**row) if row else None


def begin(transaction: Transaction, slug: str, *, since: datetime, now: datetime) -> BackfillState:
    """Return the backfill of a project that is to go on, or a new one.

    One that did not end goes on if it reaches back as far.
    """
    known = find(transaction, slug)
    if known is not None and known.ended_at is None and known.since <= since:
        return known
    state = BackfillState(slug=slug, since=since, until=now, done_until=now)
    put(transaction, state)
    return state


def put(transaction: Transaction, state: BackfillState) -> None:
    """Note how far a backfill has come."""
    insert_or_replace(transaction, project_backfills, asdict(state), key="slug")
