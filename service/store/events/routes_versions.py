"""The routes by which events were judged, once for each state of roundsman.yaml."""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import bindparam, delete, select, update

from service.db.tables import Transaction, decisions, events, routes_versions
from service.model import Route, RoutesVersion
from service.store.audit.seal_removals import seal_removal
from service.store.rows import INSERTS

ROUTES = TypeAdapter(tuple[Route, ...])
SEEN_EVERY = timedelta(days=1)  # a version in use is marked as seen this often, and not at each event

# built once: that takes longer than to run them
_SELECT = select(routes_versions.c.id, routes_versions.c.seen_at).where(
    routes_versions.c.digest == bindparam("with_digest")
)
_MARK_SEEN = update(routes_versions).where(routes_versions.c.id == bindparam("seen_id")).values(seen_at=bindparam("at"))


def find_or_insert(transaction: Transaction, version: RoutesVersion, now: datetime) -> int:
    """Return the id of a version, which is stored at its first use.

    It is looked up in each transaction: an id from one that was rolled back would name nothing.
    """
    known = transaction.execute(_SELECT, {"with_digest": version.digest}).first()
    if known is None:
        return _insert(transaction, version, now)
    if now - known.seen_at > SEEN_EVERY:
        transaction.execute(_MARK_SEEN, {"seen_id": known.id, "at": now})
    found: int = known.id
    return found


def _insert(transaction: Transaction, version: RoutesVersion, now: datetime) -> int:
    row = {"digest": version.digest, "routes": version.document, "seen_at": now}
    inserting = INSERTS[transaction.dialect.name](routes_versions).on_conflict_do_nothing(index_elements=["digest"])
    transaction.execute(inserting, row)
    found: int = transaction.execute(_SELECT, {"with_digest": version.digest}).one().id  # another's, if it was first
    return found


def find_all(transaction: Transaction, ids: Collection[int]) -> dict[int, RoutesVersion]:
    """Return these versions by their ids."""
    if not ids:
        return {}
    found = select(routes_versions.c.id, routes_versions.c.routes).where(routes_versions.c.id.in_(ids))
    return {id_: RoutesVersion(ROUTES.validate_python(routes)) for id_, routes in transaction.execute(found)}


def names_of(transaction: Transaction, ids: Collection[int]) -> dict[int, list[str]]:
    """Return the names of the routes of these versions, in order, by their ids."""
    found = select(routes_versions.c.id, routes_versions.c.routes).where(routes_versions.c.id.in_(ids))
    return {row.id: [route["name"] for route in row.routes] for row in transaction.execute(found)} if ids else {}


def forget(transaction: Transaction, *, before: datetime, now: datetime) -> None:
    """Delete the versions that no decision names, once older events are deleted.

    Decisions that could name a version not seen since are those of older events that stay for a person: an index of
    all decisions by their version would cost more than all versions.
    """
    staying = (
        select(decisions.c.routes_version)
        .join(events, events.c.id == decisions.c.event_id)
        .where(events.c.received_at < before, decisions.c.routes_version.is_not(None))
    )
    unseen = routes_versions.c.seen_at < before - 2 * SEEN_EVERY
    old = select(routes_versions.c.id).where(unseen, routes_versions.c.id.not_in(staying))
    ids = transaction.execute(old).scalars().all()
    seal_removal(transaction, [(routes_versions.c.id, ids)], before=before, now=now)
    transaction.execute(delete(routes_versions).where(routes_versions.c.id.in_(ids)))
