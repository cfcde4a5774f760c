"""Events, the details asked for, and the decisions of each route."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select

from service.db.tables import Transaction, decisions, details, events
from service.errors import NotFound
from service.model import Decision, Details, Event
from service.store import names, search_terms
from service.store.rows import DETAILS, event_row, insert_or_replace, to_decision, to_event

# built once: that takes longer than to run them
_SELECT = select(events).where(events.c.id == bindparam("event_id"))
_SELECT_DETAILS = select(details.c.body).where(details.c.event_id == bindparam("event_id"))
_LAST_ROUND = select(func.max(decisions.c.round)).where(decisions.c.event_id == bindparam("event_id"))
_INSERT_DECISION = insert(decisions)


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


def last_round(transaction: Transaction, event_id: UUID) -> int:
    """Return the number of rounds in which an event was judged."""
    return transaction.execute(_LAST_ROUND, {"event_id": event_id}).scalar() or 0


def put_decisions(
    transaction: Transaction, event_id: UUID, said: Iterable[Decision], *, judged: int, at: datetime
) -> None:
    """Insert the decisions of every route in one round of an event."""
    rows = [
        {
            "event_id": event_id,
            "round": judged,
            "position": decision.position,
            "route": decision.route,
            "receiver": decision.receiver,
            "verdict": decision.verdict,
            "reason": decision.reason,
            "decided_at": at,
        }
        for decision in said
    ]
    if rows:
        transaction.execute(_INSERT_DECISION, rows)


def find_decisions(transaction: Transaction, event_id: UUID) -> Sequence[tuple[int, datetime, Decision]]:
    """Return the decisions on an event with round and time, newest round first.

    Within a round, in the order of the routes.
    """
    found = (
        select(decisions)
        .where(decisions.c.event_id == event_id)
        .order_by(decisions.c.round.desc(), decisions.c.position)
    )
    rows = transaction.execute(found).mappings()
    return [(row["round"], row["decided_at"], to_decision(row)) for row in rows]
