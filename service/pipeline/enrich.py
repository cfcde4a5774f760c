"""From an event that somebody must hear of to what is worth saying about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.model import Details, Event, Missing, Notification, NotificationState, Want
from service.pipeline.ask import again_at, ask, asked_for_s
from service.pipeline.parts import Parts
from service.rules import with_details
from service.store import events, notifications
from service.tables import Transaction

QUIET = frozenset({"success", "canceled"})  # their jobs and tests explain nothing


async def enrich(parts: Parts, event_id: UUID) -> None:
    """Ask the source what a message should say, and let the messages go when it answered or patience ends.

    Comes back later for what is still missing, so that the event's page has it once the source can say it.
    """
    async with parts.store.reading() as transaction:
        event = await events.find(transaction, event_id)
        known = await events.find_details(transaction, event_id)
        owed = [one for one in await notifications.of_events(transaction, [event_id]) if _is_untold(one)]
    deadline = min((one.created_at for one in owed), default=event.received_at) + parts.patience.for_details
    within = max(deadline - parts.clock(), parts.patience.for_an_answer)
    details = await ask(parts, event, wants_of(event), known, within=within)
    async with parts.store.writing() as transaction:
        await events.put(transaction, with_details(event, details))
        await events.put_details(transaction, event_id, details)
        if owed and not (details.may_improve and parts.clock() < deadline):
            await release(transaction, parts, owed)
            owed = []
        await _come_back(transaction, parts, event, details, deadline=deadline if owed else None)


async def release(transaction: Transaction, parts: Parts, owed: Sequence[Notification]) -> None:
    """Let messages go, each in its channel's lane."""
    for notification in owed:
        await parts.jobs.later("send", notification.id, within=transaction, lane=notification.channel_key)


async def release_as_it_is(parts: Parts, event_id: UUID, reason: str) -> None:
    """Let an event's messages go with what is known, because asking failed in a way nobody foresaw."""
    async with parts.store.writing() as transaction:
        known = await events.find_details(transaction, event_id) or Details(rounds=1, asked_at=parts.clock())
        gap = Missing(want=Want.JOBS, reason=reason, is_final=True)
        await events.put_details(transaction, event_id, replace(known, missing=(*known.missing, gap)))
        owed = [one for one in await notifications.of_events(transaction, [event_id]) if _is_untold(one)]
        await release(transaction, parts, owed)


def wants_of(event: Event) -> frozenset[Want]:
    """What a message about this event should say that the event itself does not."""
    wants = {Want.ACTOR}
    if event.revision is None or (event.branch is None and event.tag is None):
        wants.add(Want.VCS)
    if event.status not in QUIET:
        wants |= {Want.JOBS, Want.TESTS}
    return frozenset(wants)


def _is_untold(notification: Notification) -> bool:
    return notification.state is NotificationState.PENDING and notification.attempts == 0


async def _come_back(
    transaction: Transaction, parts: Parts, event: Event, details: Details, *, deadline: datetime | None
) -> None:
    """Ask again later for what is missing: soon while a message waits for it (``deadline``), else at leisure."""
    now, patience = parts.clock(), parts.patience
    if not details.may_improve or now > event.received_at + patience.for_late_details:
        return
    if deadline is None:
        at = now + max(patience.longest, timedelta(seconds=asked_for_s(details)))
    else:
        at = again_at(parts, details, deadline=deadline)
    await parts.jobs.later("enrich", event.id, within=transaction, at=at)
