"""Sessions of pages: begun by a login, read at each request, ended by a logout."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update

from service.db.tables import Transaction, sessions
from service.model import CredentialKind, Session
from service.store.rows import insert_new


def begin(transaction: Transaction, session: Session) -> bool:
    """Begin a session, unless it has been begun before; return whether it was new."""
    row = dict(vars(session))
    row |= {"user_name": row.pop("user"), "groups": list(session.groups)}
    return insert_new(transaction, sessions, row)


def find(transaction: Transaction, session_id: UUID, now: datetime) -> Session | None:
    """Return an open session; None for one that ended, expired or never began."""
    found = transaction.execute(_OPEN.where(sessions.c.id == session_id, sessions.c.expires_at >= now))
    row = found.mappings().first()
    return _session(row) if row else None


def open_sessions(transaction: Transaction, now: datetime) -> Sequence[Session]:
    """Return the sessions that are open, newest first."""
    found = _OPEN.where(sessions.c.expires_at >= now).order_by(sessions.c.begun_at.desc(), sessions.c.id)
    return [_session(row) for row in transaction.execute(found).mappings()]


def end(transaction: Transaction, session_ids: Collection[UUID] | None, now: datetime) -> Sequence[Session]:
    """End these sessions, or all with None; return those that were open."""
    ending = update(sessions).where(sessions.c.ended_at.is_(None), sessions.c.expires_at >= now)
    if session_ids is not None:
        ending = ending.where(sessions.c.id.in_(session_ids))
    ended = transaction.execute(ending.values(ended_at=now).returning(*sessions.c))
    return [_session(row) for row in ended.mappings()]


def prune(transaction: Transaction, *, now: datetime) -> int:
    """Delete the sessions that have expired, ended or not; return their number."""
    return len(transaction.execute(delete(sessions).where(sessions.c.expires_at < now).returning(sessions.c.id)).all())


def _session(row: RowMapping) -> Session:
    """Return the session of a row. One of a release without names has none."""
    known: dict[str, Any] = {
        name: value for name, value in dict(row).items() if name != "ended_at" and value is not None
    }
    known.setdefault("address", None)
    if "user_name" in known:
        known["user"] = known.pop("user_name")
    kind = CredentialKind(known.pop("kind", CredentialKind.ADMIN_TOKEN))
    return Session(**known | {"kind": kind, "groups": tuple(known.get("groups", ()))})


_OPEN = select(sessions).where(sessions.c.ended_at.is_(None))
