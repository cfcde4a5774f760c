"""End sessions of the pages, on record: who ended whose, and when."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import Action, CredentialKind
from service.operations.json_shapes import Json, rfc3339
from service.store.audit import actions
from service.store.people import sessions

VERB = "end_session"
MAX_LISTED = 20


def end_sessions(transaction: Transaction, session_ids: Collection[UUID] | None, *, who: str, now: datetime) -> int:
    """End these sessions, or all with None; return the number that were open.

    Each is an act of its own on record: one that had ended is none.
    """
    ended = sessions.end(transaction, session_ids, now)
    for one in ended:
        reason = f"of {one.user}, since {rfc3339(one.begun_at)}"
        actions.record(transaction, Action(verb=VERB, subject_id=one.id, who=who, at=now, reason=reason))
    return len(ended)


def end_of_user(transaction: Transaction, user: str, kind: CredentialKind, *, who: str, now: datetime) -> int:
    """End the sessions of a user by one kind of credential; return their number."""
    found = [one.id for one in sessions.open_sessions(transaction, now) if (one.user, one.kind) == (user, kind)]
    return end_sessions(transaction, found, who=who, now=now)


def list_ended(transaction: Transaction) -> Sequence[Json]:
    """Return the newest acts that ended sessions, the last first."""
    newest = actions.newest_of(transaction, VERB, limit=MAX_LISTED)
    return [
        {"session": str(one.subject_id), "who": one.who, "at": rfc3339(one.at), "reason": one.reason} for one in newest
    ]
