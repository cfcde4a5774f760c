"""States of hooks as rows, and the secrets that deliveries were signed with."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, null, select

from service.db.hook_tables import hook_states, secret_uses
from service.db.tables import Transaction, deliveries, events, is_unsettled
from service.model import EventKind, HookState, SecretUse, Via, slug_spellings
from service.store.rows import INSERTS, insert_or_replace

PROBE = "roundsman-probe-"  # how the ids of our own signed posts begin
FIRST_SCAN, MAX_SCAN = timedelta(days=1), timedelta(days=30)
OVERLAP = timedelta(minutes=10)  # deliveries are on record some time after they came


def find_all(transaction: Transaction) -> dict[str, HookState]:
    """Return the states by the short spellings of the projects' slugs."""
    rows = transaction.execute(select(hook_states).order_by(hook_states.c.project)).mappings()
    return {row["project"]: HookState(**row) for row in rows}


def record(transaction: Transaction, states: Iterable[HookState]) -> None:
    """Put states on record, each in place of the one before."""
    for state in states:
        insert_or_replace(transaction, hook_states, vars(state), key="project")


def forget(transaction: Transaction, projects: Collection[str]) -> None:
    """Forget the states of projects without a hook of ours."""
    if projects:
        transaction.execute(delete(hook_states).where(hook_states.c.project.in_(projects)))


def confirm(transaction: Transaction) -> None:
    """Note for each state that a delivery was signed with its secret since."""
    uses = {(use.project, use.fingerprint): use.last_at for use in find_uses(transaction)}
    for state in find_all(transaction).values():
        last_at = uses.get((state.project, state.fingerprint or ""))
        if state.is_waiting and state.fingerprint and last_at and state.applied_at and last_at >= state.applied_at:
            record(transaction, [replace(state, confirmed_at=last_at)])


def find_uses(transaction: Transaction) -> Sequence[SecretUse]:
    """Return the last use of each secret by each project, the newest first."""
    found = select(secret_uses).order_by(secret_uses.c.last_at.desc(), secret_uses.c.project)
    return [SecretUse(**row) for row in transaction.execute(found).mappings()]


def last_secrets(transaction: Transaction) -> Sequence[str]:
    """Return the fingerprint of the secret of each project's last delivery."""
    last: dict[str, str] = {}
    for use in find_uses(transaction):
        if use.project and use.fingerprint:
            last.setdefault(use.project, use.fingerprint)
    return list(last.values())


def keep_uses(transaction: Transaction, uses: Iterable[SecretUse]) -> None:
    """Put uses on record; an older one than that on record changes nothing."""
    table = INSERTS[transaction.dialect.name](secret_uses)
    newer = table.on_conflict_do_update(
        index_elements=["project", "fingerprint"],
        set_={"last_at": table.excluded.last_at},
        where=table.excluded.last_at > secret_uses.c.last_at,
    )
    for use in uses:
        transaction.execute(newer, vars(use))


def scan_uses(transaction: Transaction, now: datetime) -> Sequence[SecretUse]:
    """Return the uses of secrets since the last scan, and runs found by asking.

    The first scan goes back for a day, or to the first change of a hook.
    """
    since = _scanned_until(transaction, now) - OVERLAP
    uses: dict[tuple[str, str], datetime] = {}
    for row in (*transaction.execute(_judged(since)), *transaction.execute(_waiting(since))):
        project = slug_spellings(row.slug)[0] if row.slug else ""
        at = row.asked_at if row.via == Via.RECONCILE else row.at
        fingerprint = "" if row.via == Via.RECONCILE else row.fingerprint
        if fingerprint is not None:
            uses[project, fingerprint] = max(at, uses.get((project, fingerprint), at))
    return [SecretUse(project=project, fingerprint=used, last_at=at) for (project, used), at in uses.items()]


def _scanned_until(transaction: Transaction, now: datetime) -> datetime:
    last: datetime | None = transaction.execute(select(func.max(secret_uses.c.last_at))).scalar()
    if last is not None:
        return min(last, now)
    applied: datetime | None = transaction.execute(select(func.min(hook_states.c.applied_at))).scalar()
    return max(min(applied or now, now - FIRST_SCAN), now - MAX_SCAN)


def _judged(since: datetime) -> Select[Any]:
    columns = (
        events.c.project_slug.label("slug"),
        deliveries.c.signed_fingerprint.label("fingerprint"),
        events.c.via.label("via"),
    )
    return (
        select(*columns, func.max(events.c.received_at).label("at"), func.max(events.c.happened_at).label("asked_at"))
        .join(deliveries, deliveries.c.id == events.c.id)
        .where(events.c.received_at >= since)
        .where(events.c.kind != EventKind.SETTINGS_CHANGED)  # no build, and no word on a hook
        .where(~((events.c.kind == EventKind.PING) & events.c.source_event_id.startswith(PROBE)))
        .group_by(*columns)
    )


def _waiting(since: datetime) -> Select[Any]:
    """Select deliveries that are not understood yet, or never will be."""
    used, via, at = deliveries.c.signed_fingerprint, deliveries.c.via, func.max(deliveries.c.received_at)
    labels = (null().label("slug"), used.label("fingerprint"), via.label("via"), at.label("at"), at.label("asked_at"))
    recent = select(*labels).where(is_unsettled, deliveries.c.received_at >= since, used.is_not(None))
    return recent.where(~deliveries.c.source_event_id.startswith(PROBE)).group_by(used, via)
