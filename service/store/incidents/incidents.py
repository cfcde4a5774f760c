"""Incidents, and the opinions of people on them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select, update

from service.db.columns import is_any
from service.db.tables import Transaction, incidents
from service.model import Closing, Incident, IncidentClass, Taken
from service.store.bulk import BulkInsert, replacing
from service.store.newer_values import to_member
from service.store.rows import Row, plain_rows

RULE = "Roundsman"
"""The author of a class that a rule found."""
_PEOPLES = (
    "taken_by",
    "taken_at",
    "taken_until",
    "taken_note",
    "taken_fingerprint",
    "klass",
    "class_by",
    "fixed_by",
    "muted_until",
)
"""The columns that people set: judging leaves them as they are."""
_PUT = BulkInsert(incidents, replacing(incidents, "id", kept=("track_id", "fingerprint", *_PEOPLES)))
# built once: that takes longer than to run them
_FIND = select(incidents).where(is_any(incidents.c.id, "ids"))
_PUT_FINGERPRINT = (
    update(incidents)
    .where(
        incidents.c.id == bindparam("incident_id"),
        or_(incidents.c.last_red == bindparam("run_id"), incidents.c.fingerprint.is_(None)),
    )
    .values(fingerprint=bindparam("cause"))
)
_HAS_NO_CLASS = and_(incidents.c.klass.is_(None), incidents.c.class_by.is_(None))
_PUT_RULE_CLASS = (
    update(incidents)
    .where(
        incidents.c.id == bindparam("incident_id"),
        incidents.c.last_red == bindparam("run_id"),
        or_(incidents.c.class_by == RULE, _HAS_NO_CLASS),
    )
    .values(klass=bindparam("found"), class_by=bindparam("found_by"))
)


def find_all(transaction: Transaction, incident_ids: Collection[UUID]) -> dict[UUID, Incident]:
    """Return those of these incidents that are there."""
    if not incident_ids:
        return {}
    found = transaction.execute(_FIND, {"ids": list(incident_ids)})
    return {row["id"]: to_incident(row) for row in plain_rows(found)}


def find_current(transaction: Transaction, incident_ids: Collection[UUID]) -> dict[UUID, Incident]:
    """Return incidents by these ids; of those that were merged, what they became."""
    found = find_all(transaction, incident_ids)
    became = find_all(transaction, {one.merged_into for one in found.values() if one.merged_into is not None})
    return {key: became.get(one.merged_into, one) if one.merged_into else one for key, one in found.items()}


def put(transaction: Transaction, changed: Sequence[Incident]) -> None:
    """Store incidents as judged; what people set stays."""
    _PUT(transaction, [_row(one) for one in sorted(changed, key=lambda one: one.id)])


def put_fingerprint(transaction: Transaction, incident_id: UUID, run_id: UUID, fingerprint: str) -> None:
    """Store the fingerprint of an incident's failure, as its newest red run shows it."""
    transaction.execute(_PUT_FINGERPRINT, {"incident_id": incident_id, "run_id": run_id, "cause": fingerprint})


def put_rule_class(transaction: Transaction, incident_id: UUID, run_id: UUID, klass: IncidentClass | None) -> None:
    """Store the class that a rule finds in the newest red run of an incident.

    What a person said stays.
    """
    given = {"incident_id": incident_id, "run_id": run_id, "found": klass, "found_by": RULE if klass else None}
    transaction.execute(_PUT_RULE_CLASS, given)


def _row(incident: Incident) -> dict[str, object]:
    row = dict(vars(incident))
    taken: Taken | None = row.pop("taken")
    return row | {
        "taken_by": taken.by if taken else None,
        "taken_at": taken.at if taken else None,
        "taken_until": taken.until if taken else None,
        "taken_note": taken.note if taken else None,
        "taken_fingerprint": taken.fingerprint if taken else None,
    }


def to_incident(row: Row) -> Incident:
    """A row of ``incidents`` as an incident."""
    names = (
        *("id", "track_id", "opened_at", "opened_by", "last_red", "streak", "closed_at", "closed_by", "fingerprint"),
        *("class_by", "fixed_by", "muted_until", "merged_into", "is_found_late"),
    )
    taken = None
    if row["taken_by"] is not None:
        names_of_it = ("by", "at", "until", "note", "fingerprint")
        taken = Taken(**{name: row[f"taken_{name}"] for name in names_of_it})
    return Incident(
        closed_because=to_member(Closing, row["closed_because"]) if row["closed_because"] else None,
        klass=to_member(IncidentClass, row["klass"]) if row["klass"] else None,
        taken=taken,
        **{name: row[name] for name in names},
    )
