"""Settings that guard builds and their changes, as rows."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, or_, select, tuple_

from service.db.tables import Transaction, guard_changes, guard_snapshots
from service.model import ChangeKind, GuardArea, GuardChange, GuardSnapshot
from service.store.audit import seals
from service.store.audit.seal_removals import seal_removal
from service.store.cursors import SortKey
from service.store.newer_values import to_member
from service.store.rows import INSERTS, Row

MAX_CHANGES = 1_000


def lock_snapshots(transaction: Transaction, scope: str) -> dict[GuardArea, GuardSnapshot]:
    """Return the settings of a project or organization, locked: two looks take turns."""
    found = select(guard_snapshots).where(guard_snapshots.c.scope == scope).order_by(guard_snapshots.c.area)
    rows = transaction.execute(found.with_for_update()).mappings()
    return {one.area: one for one in map(_to_snapshot, rows)}


def find_snapshots(transaction: Transaction) -> Sequence[GuardSnapshot]:
    """Return all, by scope and area."""
    ordered = select(guard_snapshots).order_by(guard_snapshots.c.scope, guard_snapshots.c.area)
    return [_to_snapshot(row) for row in transaction.execute(ordered).mappings()]


def put_snapshot(transaction: Transaction, snapshot: GuardSnapshot) -> None:
    """Write the settings of an area in the place of those before."""
    values = {**vars(snapshot), "states": json.dumps(dict(snapshot.states), sort_keys=True)}
    changed = {name: values[name] for name in ("states", "taken_at", "lacking", "since")}
    writing = INSERTS[transaction.dialect.name](guard_snapshots)
    transaction.execute(writing.on_conflict_do_update(index_elements=["scope", "area"], set_=changed), values)


def add_changes(transaction: Transaction, changes: Sequence[GuardChange]) -> None:
    """Insert changes, which stay as they are."""
    if changes:
        transaction.execute(insert(guard_changes), [vars(change) for change in changes])


def find_changes(
    transaction: Transaction,
    *,
    since: datetime | None = None,
    scope: str | None = None,
    beyond: SortKey | None = None,
    limit: int = MAX_CHANGES,
) -> Sequence[GuardChange]:
    """Return changes, newest first.

    scope    of this project, or of this organization and its projects
    beyond   only those after this place of the list
    """
    found = select(guard_changes)
    if since is not None:
        found = found.where(guard_changes.c.at >= since)
    if scope is not None:
        below = guard_changes.c.scope.startswith(f"{scope}/", autoescape=True)
        found = found.where(or_(guard_changes.c.scope == scope, below))
    if beyond is not None:
        found = found.where(tuple_(guard_changes.c.at, guard_changes.c.id) < beyond.sql)
    ordered = found.order_by(guard_changes.c.at.desc(), guard_changes.c.id.desc()).limit(limit)
    return [_to_change(row) for row in transaction.execute(ordered).mappings()]


def prune(transaction: Transaction, *, before: datetime, limit: int, now: datetime) -> int:
    """Delete changes from before a time, and settings not looked at since; count them.

    The audit chain says that changes were deleted; its lock comes before those of rows.
    """
    seals.lock(transaction)
    old = select(guard_changes.c.id).where(guard_changes.c.at < before).order_by(guard_changes.c.at).limit(limit)
    ids = transaction.execute(old.with_for_update(skip_locked=True)).scalars().all()
    seal_removal(transaction, [(guard_changes.c.id, ids)], before=before, now=now)
    transaction.execute(delete(guard_changes).where(guard_changes.c.id.in_(ids)))
    transaction.execute(delete(guard_snapshots).where(guard_snapshots.c.taken_at < before))
    return len(ids)


def _to_snapshot(row: Row) -> GuardSnapshot:
    return GuardSnapshot(**{**row, "area": to_member(GuardArea, row["area"]), "states": json.loads(row["states"])})


def _to_change(row: Row) -> GuardChange:
    return GuardChange(**{**row, "area": to_member(GuardArea, row["area"]), "kind": to_member(ChangeKind, row["kind"])})
