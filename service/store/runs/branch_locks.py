"""Locks on branches: one worker at a time decides on the events of each.

Two transactions that judge runs of one track need its row. To wait for it would hold all that the second has claimed
for as long as the first takes, and with many workers for longer than the database lets a statement wait.
"""

from collections.abc import Collection, Mapping
from hashlib import blake2b

from sqlalchemy import text

from service.db.tables import Transaction
from service.model import Event
from service.store.runs.tracks import branch_of

Branch = tuple[str | None, str | None]
"""The project of a branch, by its id or else its slug, and its name; None for the runs that stand alone."""

_TRY_LOCK = text("SELECT key FROM unnest(CAST(:keys AS bigint[])) AS key WHERE pg_try_advisory_xact_lock(key)")


def locked_branch(event: Event) -> Branch | None:
    """Return the branch that a decision locks; None for an event of no build."""
    return (event.project.id or event.project.slug, branch_of(event)) if event.kind.is_of_build else None


def try_lock(transaction: Transaction, branches: Collection[Branch]) -> Collection[Branch]:
    """Lock those branches that are free until the transaction ends; return them.

    It does not wait for the others. On SQLite there is one writer at a time, and no need.
    """
    if not branches or transaction.dialect.name == "sqlite":
        return set(branches)
    keys: Mapping[int, Branch] = {_key(branch): branch for branch in branches}
    return {keys[key] for key in transaction.execute(_TRY_LOCK, {"keys": sorted(keys)}).scalars()}


def _key(branch: Branch) -> int:
    return int.from_bytes(blake2b(repr(branch).encode(), digest_size=8).digest(), signed=True)
