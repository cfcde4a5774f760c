"""Dead notifications by cause: the channel, and the reason that it or we gave."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, select, text

from service.db.tables import Transaction, is_unsent, notifications

MAX_CAUSES = 500

Cause = tuple[str, str | None]
"""The label of a channel, and the reason; None where none is known."""

_IS_DEAD = text("state = 'dead'")


def digest_of(cause: Cause) -> str:
    """Return the name of a cause in addresses: no reason, however odd, can break it."""
    return sha256(repr(cause).encode(errors="surrogatepass")).hexdigest()[:20]


def count_causes(transaction: Transaction) -> Mapping[Cause, int]:
    """Return the number of dead notifications of each cause, the most frequent first."""
    counting = (
        select(notifications.c.channel_label, notifications.c.reason, func.count().label("dead"))
        .where(_IS_DEAD, is_unsent)
        .group_by(notifications.c.channel_label, notifications.c.reason)
        .order_by(func.count().desc(), notifications.c.channel_label, notifications.c.reason)
        .limit(MAX_CAUSES)
    )
    return {(row.channel_label, row.reason): int(row.dead) for row in transaction.execute(counting)}


def find_ids(transaction: Transaction, digest: str, *, limit: int) -> Sequence[UUID]:
    """Return the dead notifications of a cause, the oldest first; none if it is gone."""
    cause = next((one for one in count_causes(transaction) if digest_of(one) == digest), None)
    if cause is None:
        return []
    label, reason = cause
    oldest = (
        select(notifications.c.id)
        .where(_IS_DEAD, is_unsent, notifications.c.channel_label == label)
        .where(notifications.c.reason.is_not_distinct_from(reason))
        .order_by(notifications.c.next_attempt_at, notifications.c.id)
        .limit(limit)
    )
    return list(transaction.execute(oldest).scalars())
