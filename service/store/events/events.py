"""Events, and the details asked for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from service.db.columns import is_any
from service.db.tables import Transaction, details, events
from service.errors import NotFound
from service.model import Details, Event
from service.store.bulk import BulkInsert, replacing
from service.store.rows import DETAILS, event_row, plain_rows, to_event
from service.store.runs import runs
from service.store.search import names, search_terms
from service.store.search.places import place_of

# built once: that takes longer than to run them
_SELECT = select(events).where(events.c.id == bindparam("event_id"))
_SELECT_ALL = select(events).where(is_any(events.c.id, "event_ids"))
_SELECT_DETAILS = select(details.c.event_id, details.c.body).where(is_any(details.c.event_id, "event_ids"))
_SELECT_PLACES = select(events.c.id, events.c.place).where(is_any(events.c.id, "ids"))
_SELECT_TAKEN = select(events.c.place).where(is_any(events.c.place, "places"))
_PUT = BulkInsert(events, replacing(events, "id", kept=("place",)))
_NOT_STORED = {"jobs": {"__all__": {"tests": {"passes"}}}}
_PUT_DETAILS = BulkInsert(details, replacing(details, "event_id"))


def put(transaction: Transaction, event: Event) -> None:
    """Put an event on record, or what we know better about it by now."""
    put_all(transaction, [event])


def put_all(transaction: Transaction, put: Iterable[Event]) -> None:
    """Put events on record, each with its search terms and names."""
    rows = put_unsearched(transaction, put)
    search_terms.put(transaction, rows)
    names.put(transaction, rows)


def put_unsearched(transaction: Transaction, put: Iterable[Event]) -> list[dict[str, Any]]:
    """Put events on record, but not into what searches read; return their rows."""
    found = sorted(put, key=attrgetter("id"))
    places = _find_places(transaction, found)
    rows = [event_row(event) | {"place": places[event.id]} for event in found]
    is_sqlite = transaction.dialect.name == "sqlite"
    for row in rows:
        row["terms"] = None if is_sqlite else search_terms.numbers_of(search_terms.terms_of(row), row["place"])
    _PUT(transaction, rows)
    return rows


def _find_places(transaction: Transaction, put: Sequence[Event]) -> dict[UUID, int]:
    """Return the place of each event: the one that it has, or else the first free one.

    Should another worker take that one meanwhile, the insert fails, and is repeated later.
    """
    there = transaction.execute(_SELECT_PLACES, {"ids": [event.id for event in put]})
    known: dict[UUID, int] = {event_id: place for event_id, place in there}  # noqa: C416 - rows are no pairs to mypy
    new = {event.id: place_of(event.happened_at, event.id) for event in put if event.id not in known}
    taken = set(transaction.execute(_SELECT_TAKEN, {"places": list(new.values())}).scalars()) if new else set()
    for event_id, first in new.items():
        known[event_id] = next(place for place in count(first) if not _is_taken(transaction, place, first, taken))
        taken.add(known[event_id])
    return known


def _is_taken(transaction: Transaction, place: int, first: int, taken: Collection[int]) -> bool:
    """Tell whether a place is taken; of the first places all that are taken are known."""
    return place in taken or (
        place != first and transaction.execute(_SELECT_TAKEN, {"places": [place]}).first() is not None
    )


def find(transaction: Transaction, event_id: UUID) -> Event:
    """The event. Raises NotFound."""
    found = transaction.execute(_SELECT, {"event_id": event_id}).mappings().first()
    if found is None:
        raise NotFound(f"there is no event {event_id}")
    return runs.with_runs(transaction, [to_event(found)])[0]


def find_all(transaction: Transaction, event_ids: Collection[UUID]) -> dict[UUID, Event]:
    """Return those of these events that are there, by their ids."""
    found = list(find_posts(transaction, event_ids).values())
    return {event.id: event for event in runs.with_runs(transaction, found)}


def find_posts(transaction: Transaction, event_ids: Collection[UUID]) -> dict[UUID, Event]:
    """Return those of these events that are there, by their ids, without their runs."""
    if not event_ids:
        return {}
    found = transaction.execute(_SELECT_ALL, {"event_ids": list(event_ids)})
    return {row["id"]: to_event(row) for row in plain_rows(found)}


def put_details(transaction: Transaction, learned: Mapping[UUID, Details]) -> None:
    """Store the details of events in place of earlier ones."""
    rows = [
        {
            "event_id": event_id,
            "rounds": learned[event_id].rounds,
            "asked_at": learned[event_id].asked_at,
            "has_tests": learned[event_id].has_tests,
            "body": DETAILS.dump_python(learned[event_id], mode="json", exclude=_NOT_STORED),
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
