"""Record the decisions of all routes about an event, and plan notifications.

Both are written in one transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from service.channels import server_lane
from service.db.tables import Transaction
from service.model import Channel, Decision, Details, Event, Notification, NotificationState, Verdict
from service.pipeline.context import Context
from service.pipeline.left_out import left_out, with_left_out
from service.routing.decide import decide, missing_facts, with_details
from service.routing.news import news_key
from service.store import deliveries, events, notifications

UNDELIVERED = frozenset({NotificationState.DEAD, NotificationState.DISMISSED})


@dataclass(frozen=True, kw_only=True)
class EventDecisions:
    """An event, and the decision of each route about it."""

    event: Event
    decisions: Sequence[Decision]


def decide_event(
    transaction: Transaction, context: Context, parsed: Event, details: Details | None, *, max_delay: timedelta
) -> EventDecisions | None:
    """Decide on an event; record it, its details, decisions, notifications and jobs.

    parsed      the event as the delivery says it; ``details`` are added to it
    max_delay   messages wait for more details, but no longer than this

    Returns None if the delivery has been processed already.
    """
    now, event = context.clock(), with_details(parsed, details)
    if not deliveries.mark_judged(transaction, event.id):
        return None
    events.put(transaction, event)
    if details:
        events.put_details(transaction, event.id, details)
    decisions, planned = _plan_notifications(transaction, context, event, now)
    judged = events.last_round(transaction, event.id) + 1
    explained = [_note_missing_facts(context, decision, event, details) for decision in decisions]
    events.put_decisions(transaction, event.id, explained, judged=judged, at=now)
    if planned or (judged > 1 and _any_matched(decisions)):  # a replay may also fill in what could not be asked before
        context.jobs.enqueue("enrich", event.id, within=transaction)
    for notification in planned:  # also if no details ever come, it is sent by then
        lane = notification.lane
        context.jobs.enqueue("send", notification.id, within=transaction, at=now + max_delay, lane=lane)
    return EventDecisions(event=event, decisions=decisions)


def _plan_notifications(
    transaction: Transaction, context: Context, event: Event, now: datetime
) -> tuple[list[Decision], list[Notification]]:
    """Return all decisions, and new notifications for the routes that matched.

    Each channel of a matched route gets one, unless it has one about the same news: the decision's reason names it.
    """
    decisions: list[Decision] = []
    planned: list[Notification] = []
    for decision in decide(event, context.routes):
        if decision.verdict is not Verdict.MATCHED:
            decisions.append(decision)
            continue
        make = _notification_factory(
            event, decision, created_at=now, give_up_at=now + context.retry_policy.give_up_after
        )
        channels = context.receivers[decision.receiver].channels
        excluded = left_out(channels, event)
        wanted = [make(channel) for channel in channels if channel not in excluded]
        existing = [notifications.insert_or_get(transaction, notification) for notification in wanted]
        decisions.append(with_left_out(_with_existing(decision, existing), excluded, of=channels))
        planned += [notification for notification, before in zip(wanted, existing, strict=True) if before is None]
    return decisions, planned


def _notification_factory(
    event: Event, decision: Decision, *, created_at: datetime, give_up_at: datetime
) -> Callable[[Channel], Notification]:
    """Return a function that makes the notification of a decision for a channel."""
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


def _with_existing(decision: Decision, existing: Sequence[Notification | None]) -> Decision:
    """Add earlier notifications about the same news to a decision.

    Its verdict and reason change. None in ``existing`` is a channel that has no earlier notification; where an earlier
    one could not be sent, the reason asks for a resend.
    """
    found = [notification for notification in existing if notification is not None]
    if not found:
        return decision
    failed = [one for one in found if one.state in UNDELIVERED and not one.was_sent]
    notified = [one for one in found if one not in failed]
    reasons = [decision.reason]
    if notified:
        labels = ", ".join(one.channel_label for one in notified)
        reasons.append(f"{labels} already hears of this, by route '{notified[0].route}'")
    reasons += [
        f"{one.channel_label} was to hear of this, but it could not be sent ({one.reason}): resend it" for one in failed
    ]
    verdict = Verdict.ALREADY_TOLD if len(notified) == len(existing) else decision.verdict
    return replace(decision, verdict=verdict, reason="; ".join(reasons))


def _any_matched(decisions: Sequence[Decision]) -> bool:
    return any(decision.verdict in {Verdict.MATCHED, Verdict.ALREADY_TOLD} for decision in decisions)


def _note_missing_facts(context: Context, decision: Decision, event: Event, details: Details | None) -> Decision:
    """Add missing facts that an unmatched route tests to its reason.

    With these facts it might have matched.
    """
    if details is None or decision.verdict is not Verdict.NOT_MATCHED:
        return decision
    wants = missing_facts(event, [context.routes[decision.position]])
    reasons = "; ".join(sorted({missing.reason for missing in details.missing if missing.want in wants}))
    return replace(decision, reason=f"{decision.reason} (it could not be asked: {reasons})") if reasons else decision
