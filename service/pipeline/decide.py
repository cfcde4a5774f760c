"""What is made of an event, within one transaction: every route's decision, and what we owe to whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from service.channels import gets_no_good_news, server_lane
from service.db.tables import Transaction
from service.message.status_text import severity
from service.model import Channel, Decision, Details, Event, Notification, NotificationState, Verdict
from service.pipeline.context import Context
from service.routing.decide import decide, missing_facts, with_details
from service.routing.news import news_key
from service.store import deliveries, events, notifications

UNDELIVERED = frozenset({NotificationState.DEAD, NotificationState.DISMISSED})


@dataclass(frozen=True, kw_only=True)
class EventDecisions:
    """An event as it was judged, and what every route said of it."""

    event: Event
    said: Sequence[Decision]


def decide_event(
    transaction: Transaction, context: Context, told: Event, details: Details | None, *, hold: timedelta
) -> EventDecisions | None:
    """Judge what the delivery told with what the source told, and put everything that comes of it on record.

    None when that has been done already. Messages wait for more details, but not past ``hold``.
    """
    now, event = context.clock(), with_details(told, details)
    if not deliveries.settle(transaction, event.id):
        return None
    events.put(transaction, event)
    if details:
        events.put_details(transaction, event.id, details)
    said, owed = _plan_notifications(transaction, context, event, now)
    judged = events.last_round(transaction, event.id) + 1
    doubted = [_note_missing_facts(context, decision, event, details) for decision in said]
    events.put_decisions(transaction, event.id, doubted, judged=judged, at=now)
    if owed or (judged > 1 and _any_matched(said)):  # a replay may also fill in what could not be asked before
        context.jobs.enqueue("enrich", event.id, within=transaction)
    for notification in owed:  # whatever becomes of asking: it goes out by then
        lane = notification.lane
        context.jobs.enqueue("send", notification.id, within=transaction, at=now + hold, lane=lane)
    return EventDecisions(event=event, said=said)


def _plan_notifications(
    transaction: Transaction, context: Context, event: Event, now: datetime
) -> tuple[list[Decision], list[Notification]]:
    """Owe word to every channel of every route that matched, and say so where it has been told before."""
    decisions: list[Decision] = []
    owed: list[Notification] = []
    for decision in decide(event, context.routes):
        if decision.verdict is not Verdict.MATCHED:
            decisions.append(decision)
            continue
        make = _notification_factory(
            event, decision, created_at=now, give_up_at=now + context.retry_policy.give_up_after
        )
        channels = context.receivers[decision.receiver].channels
        excluded = [channel for channel in channels if gets_no_good_news(channel, severity(event.status))]
        wanted = [make(channel) for channel in channels if channel not in excluded]
        standing = [notifications.plan(transaction, notification) for notification in wanted]
        decisions.append(_with_excluded(_with_existing(decision, standing), excluded))
        owed += [notification for notification, before in zip(wanted, standing, strict=True) if before is None]
    return decisions, owed


def _notification_factory(
    event: Event, decision: Decision, *, created_at: datetime, give_up_at: datetime
) -> Callable[[Channel], Notification]:
    """What makes the notification of a decision for each of its channels."""
    return lambda channel: Notification(
        id=uuid4(),
        event_id=event.id,
        topic=news_key(event),
        route=decision.route,
        receiver=decision.receiver,
        channel_key=channel.key,
        channel_label=channel.label,
        channel_kind=channel.kind,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=created_at,
        next_attempt_at=created_at,
        give_up_at=give_up_at,
        server_lane=server_lane(channel),
    )


def _with_existing(decision: Decision, standing: Sequence[Notification | None]) -> Decision:
    """The decision, with what stood in its way: channels that already hear of the same news, or that could not."""
    stood = [notification for notification in standing if notification is not None]
    if not stood:
        return decision
    unreached = [one for one in stood if one.state in UNDELIVERED and not one.was_sent]
    told = [one for one in stood if one not in unreached]
    reasons = [decision.reason]
    if told:
        labels = ", ".join(one.channel_label for one in told)
        reasons.append(f"{labels} already hears of this, by route '{told[0].route}'")
    reasons += [
        f"{one.channel_label} was to hear of this, but it could not be sent ({one.reason}): resend it"
        for one in unreached
    ]
    verdict = Verdict.ALREADY_TOLD if len(told) == len(standing) else decision.verdict
    return replace(decision, verdict=verdict, reason="; ".join(reasons))


def _with_excluded(decision: Decision, excluded: Sequence[Channel]) -> Decision:
    """Name in the reason the channels that get no notification, because it would open an incident of good news."""
    reasons = [f"{channel.label} opens incidents and gets no good news" for channel in excluded]
    return replace(decision, reason="; ".join([decision.reason, *reasons]))


def _any_matched(said: Sequence[Decision]) -> bool:
    return any(decision.verdict in {Verdict.MATCHED, Verdict.ALREADY_TOLD} for decision in said)


def _note_missing_facts(context: Context, decision: Decision, event: Event, details: Details | None) -> Decision:
    """Where a fact that the route tests could not be had, its silence may be wrong: the reason says so."""
    if details is None or decision.verdict is not Verdict.NOT_MATCHED:
        return decision
    wants = missing_facts(event, [context.routes[decision.position]])
    doubts = "; ".join(sorted({missing.reason for missing in details.missing if missing.want in wants}))
    return replace(decision, reason=f"{decision.reason} (it could not be asked: {doubts})") if doubts else decision
