"""Incidents by project, branch and state, and the opinions of people on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, false, func, or_, select, tuple_, update

from service.db.tables import Transaction, actions, incidents, tracks
from service.errors import NotFound
from service.model import Incident
from service.store.audit import seals
from service.store.audit.seal_removals import seal_removal
from service.store.cursors import SortKey
from service.store.incidents.incidents import to_incident

MAX_MERGES = 20
MAX_LISTED = 500


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The incidents to find.

    slugs     only those of these projects; None: of all
    branches  only those of these branches; none: of all
    is_open   None: open and closed ones
    """

    slugs: Collection[str] | None = None
    branches: Collection[str] = ()
    is_open: bool | None = None


def page(
    transaction: Transaction, wanted: Wanted, *, limit: int, beyond: SortKey | None, max_listed: int = MAX_LISTED
) -> Sequence[Incident]:
    """Return incidents, newest first, without those that became part of another.

    beyond      only those after this place of the list, which goes by ``opened_at``
    max_listed  the tracks whose incidents are looked up one by one
    """
    conditions: list[ColumnElement[bool]] = [incidents.c.merged_into.is_(None)]
    if wanted.slugs is not None or wanted.branches:
        conditions.append(_is_of_tracks(transaction, wanted, max_listed))
    if wanted.is_open is not None:
        state = incidents.c.closed_because
        conditions.append(state.is_(None) if wanted.is_open else state.is_not(None))
    place = (incidents.c.opened_at, incidents.c.id)
    if beyond is not None:
        conditions.append(tuple_(*place) < beyond.sql)
    newest = select(incidents).where(*conditions).order_by(*(column.desc() for column in place)).limit(limit)
    return [to_incident(row) for row in transaction.execute(newest).mappings()]


def count_open(transaction: Transaction) -> int:
    """Return the number of open incidents, without those that became part of another."""
    is_open = (incidents.c.closed_because.is_(None), incidents.c.merged_into.is_(None))
    count: int = transaction.execute(select(func.count()).select_from(incidents).where(*is_open)).scalar_one()
    return count


def _is_of_tracks(transaction: Transaction, wanted: Wanted, max_listed: int) -> ColumnElement[bool]:
    """Return the condition that incidents are of wanted tracks.

    Of few tracks the incidents are looked up. Of many there is one soon on a walk through the list, where each incident
    looks its track up: to list these tracks first takes longer.
    """
    fitting: list[ColumnElement[bool]] = []
    if wanted.branches:
        fitting.append(tracks.c.branch.in_(wanted.branches))
    if wanted.slugs is not None:
        fitting.append(tracks.c.project_slug.in_(wanted.slugs))
        some = select(tracks.c.id).where(*fitting).limit(max_listed + 1)
        ids = transaction.execute(some).scalars().all() if wanted.slugs else []
        if len(ids) <= max_listed:
            return incidents.c.track_id.in_(ids) if ids else false()
    return exists().where(tracks.c.id == incidents.c.track_id, *fitting)


def find(transaction: Transaction, incident_id: UUID, *, for_update: bool = False) -> Incident:
    """Return an incident, or the one that it became part of. Raises NotFound.

    for_update   hold it until the transaction ends
    """
    wanted = incident_id
    for _ in range(MAX_MERGES):
        query = select(incidents).where(incidents.c.id == wanted)
        row = transaction.execute(query.with_for_update() if for_update else query).mappings().first()
        if row is None:
            break
        incident = to_incident(row)
        if incident.merged_into in {None, incident.id}:
            return incident
        wanted = incident.merged_into
    raise NotFound(f"there is no incident {incident_id}; ids are in `roundsman incidents list`")


def change(transaction: Transaction, incident_id: UUID, values: Mapping[str, object]) -> None:
    """Set what people think of an incident, by the names of the columns."""
    transaction.execute(update(incidents).where(incidents.c.id == incident_id).values(**values))


def prune(transaction: Transaction, *, before: datetime, limit: int, now: datetime) -> int:
    """Delete incidents that were closed before a time; return their number.

    The acts on them go too, which the audit chain says. Open ones stay, however old.
    """
    seals.lock(transaction)
    is_over = or_(
        incidents.c.closed_at < before, incidents.c.merged_into.is_not(None) & (incidents.c.opened_at < before)
    )
    old = select(incidents.c.id).where(is_over).limit(limit).with_for_update(skip_locked=True)
    ids = transaction.execute(old).scalars().all()
    seal_removal(transaction, [(actions.c.subject_id, ids)], before=before, now=now)
    for column in (actions.c.subject_id, incidents.c.id):
        transaction.execute(delete(column.table).where(column.in_(ids)))
    return len(ids)
