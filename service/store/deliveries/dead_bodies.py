"""Ids in the bodies of dead letters: of posts that came and were not understood."""

import re
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from service.db.tables import Transaction, deliveries
from service.store.bodies import unpack_for_display

MAX_READ = 200  # dead letters, the newest: of more the cause is known anyhow
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def ids_in_dead_bodies(transaction: Transaction, *, since: datetime) -> frozenset[UUID]:
    """Return every id that a dead letter since a time has in its body."""
    wanted = (
        select(deliveries.c.body, deliveries.c.body_dictionary)
        # the index's own condition, to the letter: SQLite does not conclude it from the other
        .where(text("state = 'dead'"), text("state <> 'settled'"), deliveries.c.received_at >= since)
        .order_by(deliveries.c.received_at.desc())
        .limit(MAX_READ)
    )
    bodies = (unpack_for_display(bytes(body), dictionary) for body, dictionary in transaction.execute(wanted))
    return frozenset(UUID(found.decode()) for body in bodies for found in _UUID.findall(body))
