"""Sessions of pages: begun by a login, read at each request, ended by a logout."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from service.db.tables import Transaction, sessions
from service.model import Session
from service.store.rows import insert_new


def begin(transaction: Transaction, session: Session) -> bool:
    """Begin a session, unless it has been begun before; return whether it was new."""
    return insert_new(transaction, sessions, vars(session))


def find(transaction: Transaction, session_id: UUID, now: datetime) -> Session | None:
    """Return an open session; None for one that ended, expired or never began."""
    found = transaction.execute(_OPEN.where(sessions.c.id == session_id, sessions.c.expires_at >= now))
    row = found.mappings().first()
    return Session(**row) if row else None


def open_sessions(transaction: Transaction, now: datetime) -> Sequence[Session]:
    """Return the sessions that are open, newest first."""
    found = _OPEN.where(sessions.c.expires_at >= now).order_by(sessions.c.begun_at.desc(), sessions.c.id)
    return [Session(**row) for row in transaction.execute(found).mappings()]


def end(transaction: Transaction, session_ids: Collection[UUID] | None, now: datetime) -> int:
    """End these sessions, or all with None; return the number of open ones."""
    ending = update(sessions).where(sessions.c.ended_at.is_(None), sessions.c.expires_at >= now)
    if session_ids is not None:
        ending = ending.where(sessions.c.id.in_(session_ids))
    return len(transaction.execute(ending.values(ended_at=now).returning(sessions.c.id)).all())


def prune(transaction: Transaction, *, now: datetime) -> int:
    """Delete the sessions that have expired, ended or not; return their number."""
    return len(transaction.execute(delete(sessions).where(sessions.c.expires_at < now).returning(sessions.c.id)).all())


_OPEN = select(sessions.c.id, sessions.c.begun_at, sessions.c.expires_at, sessions.c.address).where(
    sessions.c.ended_at.is_(None)
)
