"""Heartbeats: a row for each process; writing it proves that rows can be written."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from service.clock import DatabaseClock
from service.db.server_clock import read_server_clock
from service.db.tables import Transaction, heartbeats
from service.model import Process, Role
from service.store.rows import insert_or_replace

FILLER = bytes(65_536)
KEPT_FOR = timedelta(days=1)


def beat(transaction: Transaction, process: Process, at: datetime) -> None:
    """Write the heartbeat of a process, and delete those of processes long gone.

    On SQLite it fills some pages: what fits into the rest of the last page would prove nothing of a full disk. Postgres
    keeps files in reserve, and is full for all rows alike.
    """
    filler = FILLER if transaction.dialect.name == "sqlite" else None
    row: dict[str, object] = {"process": process.id, "role": process.role.value, "beat_at": at}
    row |= {"channels": process.channels, "secrets": list(process.secrets), "filler": filler}
    insert_or_replace(transaction, heartbeats, row, key="process")
    old = select(heartbeats.c.process).where(heartbeats.c.beat_at < at - KEPT_FOR).with_for_update(skip_locked=True)
    transaction.execute(delete(heartbeats).where(heartbeats.c.process.in_(old)))


def forget(transaction: Transaction, process: Process) -> None:
    """Take the heartbeat of a process away."""
    transaction.execute(delete(heartbeats).where(heartbeats.c.process == process.id))


def latest(transaction: Transaction, roles: Collection[Role]) -> datetime | None:
    """Return the time of the latest heartbeat of these roles; None before the first."""
    asking = select(func.max(heartbeats.c.beat_at)).where(heartbeats.c.role.in_(roles))
    found: datetime | None = transaction.execute(asking).scalar()
    return found


def have_other_channels(transaction: Transaction, channels: str, *, since: datetime) -> bool:
    """Tell whether a sending process alive since a time has other channels."""
    others = select(heartbeats.c.process).where(
        heartbeats.c.role != Role.WEB.value, heartbeats.c.channels != channels, heartbeats.c.beat_at >= since
    )
    return transaction.execute(others.limit(1)).first() is not None


def accepted_secrets(transaction: Transaction, *, since: datetime) -> list[frozenset[str] | None]:
    """Return the fingerprints of the secrets that each receiving process accepts.

    since   of the processes with a heartbeat since a time
    None stands for a process of an earlier release, which does not say them.
    """
    alive = select(heartbeats.c.secrets).where(heartbeats.c.role != Role.WORKER.value, heartbeats.c.beat_at >= since)
    found = transaction.execute(alive).scalars()
    return [None if secrets is None else frozenset(secrets) for secrets in found]


def read_clock(transaction: Transaction, clock: DatabaseClock) -> None:
    """Set a clock by Postgres's."""
    read_server_clock(transaction.connection, clock)
