"""Events, and the details asked for."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from sqlalchemy import bindparam, select

from service.db.tables import Transaction, details, events
from service.errors import NotFound
from service.model import Details, Event
from service.store import names, search_terms
from service.store.rows import DETAILS, event_row, insert_or_replace, to_event

# built once: that takes longer than to run them
_SELECT = select(events).where(events.c.id == bindparam("event_id"))
_SELECT_DETAILS = select(details.c.body).where(details.c.event_id == bindparam("event_id"))


def put(transaction: Transaction, event: Event) -> None:
    """Put an event on record, or what we know better about it by now."""
    row = event_row(event)
    insert_or_replace(transaction, events, row, key="id")
    search_terms.put(transaction, row)
    names.put(transaction, row)


def find(transaction: Transaction, event_id: UUID) -> Event:
    """The event. Raises NotFound."""
    found = transaction.execute(_SELECT, {"event_id": event_id}).mappings().first()
    if found is None:
        raise NotFound(f"there is no event {event_id}")
    return to_event(found)


def find_all(transaction: Transaction, event_ids: Collection[UUID]) -> dict[UUID, Event]:
    """Return those of these events that are there, by their ids."""
    found = transaction.execute(select(events).where(events.c.id.in_(event_ids))).mappings()
    return {row["id"]: to_event(row) for row in found}


def put_details(transaction: Transaction, event_id: UUID, learned: Details) -> None:
    """Store the details of an event in place of earlier ones."""
    row = {
        "event_id": event_id,
        "rounds": learned.rounds,
        "asked_at": learned.asked_at,
        "body": DETAILS.dump_python(learned, mode="json"),
    }
    insert_or_replace(transaction, details, row, key="event_id")


def find_details(transaction: Transaction, event_id: UUID) -> Details | None:
    """Return the details of an event; None if they were never asked for."""
    body = transaction.execute(_SELECT_DETAILS, {"event_id": event_id}).scalar()
    return None if body is None else DETAILS.validate_python(body)


def retry_missing_details(transaction: Transaction, event_id: UUID) -> None:
    """Mark refused details as missing: a new token may be allowed to see them.

    What is missing stays on record until it is answered, so that a message sent meanwhile says so.
    """
    known = find_details(transaction, event_id)
    if known and known.missing:
        open_again = tuple(replace(missing, is_final=False, retry_after_s=None) for missing in known.missing)
        put_details(transaction, event_id, replace(known, missing=open_again))
