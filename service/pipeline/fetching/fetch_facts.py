"""Fetch the facts that a decision needs and the webhook lacks."""

from datetime import datetime, timedelta
from uuid import UUID

from service.db.tables import Transaction
from service.model import Delivery, DeliveryState, DetailKind, Details, Event, Fetch
from service.pipeline.context import Context
from service.pipeline.fetching.fetch_details import fetch_details, may_still_come, next_fetch_at
from service.pipeline.judgment.silence_facts import active_index, missing_facts
from service.pipeline.process import decision_deadline, record_failure, report_failure
from service.routing.decide import with_details
from service.routing.route_index import RouteIndex
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.events import events, fetches


async def fetch_facts(context: Context, fetch: Fetch) -> None:
    """Fetch missing facts, then release the delivery, or fetch again later.

    After the deadline nothing is fetched: a late message must not wait for details.
    """
    delivery, known, deadline, quiet = await context.store.snapshot(_load, context, fetch.event_id)
    if delivery.state is not DeliveryState.KEPT:
        await context.store.write(fetches.end, fetch)
        return
    event, details, left = context.source.parse(delivery), known, deadline - context.clock()
    wants = missing_facts(context.route_index, quiet, with_details(event, known))
    if wants and left > timedelta():
        within = min(left, context.retry_policy.answer_timeout)
        details = await fetch_details(context, event, wants, known, within=within)
    wants = missing_facts(context.route_index, quiet, with_details(event, details))
    again_at = _next_fetch_at(context, wants, details, deadline=deadline)
    await context.store.write(_record, fetch, with_details(event, details), details, again_at=again_at)


def _load(
    transaction: Transaction, context: Context, delivery_id: UUID
) -> tuple[Delivery, Details | None, datetime, RouteIndex | None]:
    """Return the delivery, its event's details so far, and the deadline for fetching.

    The last are the silences that name facts.
    """
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    replayed_at = actions.last_replays(transaction, [delivery_id]).get(delivery_id)
    deadline = decision_deadline(context, delivery, replayed_at)
    return delivery, known, deadline, active_index(transaction, context.clock())


def _next_fetch_at(
    context: Context, wants: frozenset[DetailKind], details: Details | None, *, deadline: datetime
) -> datetime | None:
    """Return the time of the next fetch, or None.

    None: the event can be decided on, or its time is up.
    """
    if details is None or not may_still_come(details, wants) or context.clock() >= deadline:
        return None
    return next_fetch_at(context, details, deadline=deadline)


def _record(
    transaction: Transaction, fetch: Fetch, event: Event, details: Details | None, *, again_at: datetime | None
) -> None:
    """Store what was fetched, unless the event was decided on meanwhile."""
    if not deliveries.lock_kept(transaction, fetch.event_id):
        fetches.end(transaction, fetch)
        return
    if details is not None:
        events.put(transaction, event)
        events.put_details(transaction, {event.id: details})
    if again_at is not None:
        fetches.put_off(transaction, fetch, until=again_at)
        return
    deliveries.release(transaction, fetch.event_id)
    fetches.end(transaction, fetch)


async def fetch_facts_failed(context: Context, fetch: Fetch, error: Exception) -> None:
    """Count the failure as a failure to decide on the delivery.

    It cannot be parsed, or its facts cannot be kept.
    """

    def record(transaction: Transaction) -> str | None:
        fetches.end(transaction, fetch)
        return record_failure(transaction, context, fetch.event_id, error)

    report_failure(context, fetch.event_id, error, await context.store.write(record))
