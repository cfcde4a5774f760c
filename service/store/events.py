"""Events, and the details asked for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from uuid import UUID

from sqlalchemy import bindparam, select

from service.db.tables import Transaction, details, events
from service.errors import NotFound
from service.model import Details, Event
from service.store import names, search_terms
from service.store.bulk import BulkInsert, replacing
from service.store.rows import DETAILS, event_row, to_event

# built once: that takes longer than to run them
_SELECT = select(events).where(events.c.id == bindparam("event_id"))
_SELECT_DETAILS = select(details.c.event_id, details.c.body).where(
    details.c.event_id.in_(bindparam("event_ids", expanding=True))
)
_PUT = BulkInsert(events, replacing(events, "id"))
_PUT_DETAILS = BulkInsert(details, replacing(details, "event_id"))


def put(transaction: Transaction, event: Event) -> None:
    """Put an event on record, or what we know better about it by now."""
    put_all(transaction, [event])


def put_all(transaction: Transaction, put: Iterable[Event]) -> None:
    """Put events on record, each with its search terms and names."""
    rows = [event_row(event) for event in sorted(put, key=attrgetter("id"))]
    _PUT(transaction, rows)
    search_terms.put(transaction, rows)
    names.put(transaction, rows)


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


def put_details(transaction: Transaction, learned: Mapping[UUID, Details]) -> None:
    """Store the details of events in place of earlier ones."""
    rows = [
        {
            "event_id": event_id,
            "rounds": learned[event_id].rounds,
            "asked_at": learned[event_id].asked_at,
            "body": DETAILS.dump_python(learned[event_id], mode="json"),
        }
        for event_id in sorted(learned)
    ]
    _PUT_DETAILS(transaction, rows)


def find_details(transaction: Transaction, event_id: UUID) -> Details | None:
    """Return the details of an event; None if they were never asked for."""
    return find_all_details(transaction, [event_id]).get(event_id)


def find_all_details(transaction: Transaction, event_ids: Sequence[UUID]) -> dict[UUID, Details]:
    """Return the details of those of these events that have any."""
    found = transaction.execute(_SELECT_DETAILS, {"event_ids": event_ids})
    return {event_id: DETAILS.validate_python(body) for event_id, body in found}


def retry_missing_details(transaction: Transaction, event_id: UUID) -> None:
    """Mark refused details as missing: a new token may be allowed to see them.

    What is missing stays on record until it is answered, so that a message sent meanwhile says so.
    """
    known = find_details(transaction, event_id)
    if known and known.missing:
        open_again = tuple(replace(missing, is_final=False, retry_after_s=None) for missing in known.missing)
        put_details(transaction, {event_id: replace(known, missing=open_again)})
