"""Fetches: events whose details are due, with purpose and time.

The rows are the queue: a claim is a lease, and a row is deleted once nothing more is to be fetched. Who changes a row
after a claim names the lease: what was asked for meanwhile, or is another's by now, stays as it is.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, select, update

from service.db.columns import is_any
from service.db.tables import Transaction, fetches
from service.model import Backlog, Fetch, FetchPurpose
from service.store.bulk import BulkInsert, replacing

_REQUEST = BulkInsert(fetches, replacing(fetches, "event_id"))
_ASKED_FOR = select(fetches.c.event_id).where(is_any(fetches.c.event_id, "event_ids"))
_WITHDRAW = delete(fetches).where(is_any(fetches.c.event_id, "event_ids"), fetches.c.purpose == FetchPurpose.DECISION)
_IS_DUE = (fetches.c.purpose == bindparam("purpose"), fetches.c.due_at <= bindparam("now"))
_DUE_PURPOSES = select(
    *(
        exists().where(fetches.c.purpose == purpose, fetches.c.due_at <= bindparam("now")).label(purpose)
        for purpose in FetchPurpose
    )
)
_OLDEST_DUE = (
    select(fetches.c.event_id)
    .where(*_IS_DUE)
    .order_by(fetches.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEASING = update(fetches).where(is_any(fetches.c.event_id, "event_ids")).values(due_at=bindparam("until"))
_ENDING = delete(fetches).where(fetches.c.event_id == bindparam("event"), fetches.c.due_at == bindparam("lease_until"))


def request(transaction: Transaction, event_ids: Collection[UUID], purpose: FetchPurpose, *, due_at: datetime) -> None:
    """Request a fetch for each event, in place of an earlier request."""
    _REQUEST(
        transaction,
        [{"event_id": event_id, "purpose": purpose, "due_at": due_at} for event_id in sorted(event_ids)],
    )


def due_purposes(transaction: Transaction, now: datetime) -> Sequence[FetchPurpose]:
    """Return the purposes of which a fetch is due, in order of priority."""
    are_due = transaction.execute(_DUE_PURPOSES, {"now": now}).one()
    return [purpose for purpose, is_due in zip(FetchPurpose, are_due, strict=True) if is_due]


def claim(
    transaction: Transaction, purpose: FetchPurpose, *, now: datetime, lease_until: datetime, limit: int
) -> Sequence[Fetch]:
    """Claim due fetches of a purpose until a time, the oldest first."""
    asked = {"purpose": purpose, "now": now, "most": limit}
    event_ids = transaction.execute(_OLDEST_DUE, asked).scalars().all()
    if event_ids:
        transaction.execute(_LEASING, {"event_ids": event_ids, "until": lease_until})
    return [Fetch(event_id=event_id, purpose=purpose, lease_until=lease_until) for event_id in event_ids]


def end_leases(transaction: Transaction, *, now: datetime, until: datetime) -> None:
    """Make every fetch due that is claimed, or waits, until a time at most.

    For the start of the only process: the claims are those of one that was killed.
    """
    transaction.execute(update(fetches).where(fetches.c.due_at > now, fetches.c.due_at <= until).values(due_at=now))


def put_off(transaction: Transaction, fetch: Fetch, *, until: datetime, purpose: FetchPurpose | None = None) -> None:
    """End a claim: the fetch is due again later, maybe for another purpose."""
    later = update(fetches).where(*_is_claimed(fetch)).values(due_at=until, purpose=purpose or fetch.purpose)
    transaction.execute(later)


def end(transaction: Transaction, fetch: Fetch) -> None:
    """End a claim: nothing more is to be fetched."""
    transaction.execute(_ENDING, {"event": fetch.event_id, "lease_until": fetch.lease_until})


def asked_for(transaction: Transaction, event_ids: Collection[UUID]) -> Collection[UUID]:
    """Return those of these events whose details are being fetched, or are to be."""
    return set(transaction.execute(_ASKED_FOR, {"event_ids": event_ids}).scalars())


def awaited(transaction: Transaction, event_ids: Collection[UUID]) -> Collection[UUID]:
    """Return those of these events whose messages wait for details."""
    theirs = (fetches.c.event_id.in_(event_ids), fetches.c.purpose == FetchPurpose.MESSAGE)
    return set(transaction.execute(select(fetches.c.event_id).where(*theirs)).scalars())


def withdraw(transaction: Transaction, event_ids: Collection[UUID]) -> None:
    """Delete the requests that these events made for their decision."""
    transaction.execute(_WITHDRAW, {"event_ids": event_ids})


def backlog(transaction: Transaction, now: datetime) -> Backlog:
    """Return the number of due fetches, and the age of the oldest.

    Test results for the history do not count. They go last: without a token, or while CircleCI is away, they wait.
    """
    counting = select(func.count(), func.min(fetches.c.due_at)).where(
        fetches.c.purpose.in_([one for one in FetchPurpose if one is not FetchPurpose.TESTS]), fetches.c.due_at <= now
    )
    depth, oldest = transaction.execute(counting).one()
    return Backlog(depth=depth, oldest_age_s=(now - oldest).total_seconds() if oldest else 0.0)


def _is_claimed(fetch: Fetch) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return fetches.c.event_id == fetch.event_id, fetches.c.due_at == fetch.lease_until
