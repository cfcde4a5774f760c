"""Record the decisions of all routes about events, and plan notifications.

Both are written in one transaction, each table in one statement for all events.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from service.channels import server_lane
from service.db.tables import Transaction
from service.model import (
    Channel,
    DetailKind,
    Details,
    Event,
    FetchPurpose,
    Judgment,
    JudgmentNotes,
    Notification,
    NotificationState,
    Route,
    Silence,
    Verdict,
)
from service.pipeline.context import Context
from service.pipeline.left_out import left_out, remarks_on
from service.routing.absent_facts import absent_facts
from service.routing.decide import with_details
from service.routing.match_keys import findable_details, read_facts
from service.routing.news import news_key
from service.routing.silences import find_silence, silence_reason
from service.store import decisions, deliveries, events, fetches, notifications, silences

MATCHED = frozenset({Verdict.MATCHED, Verdict.ALREADY_TOLD})
UNDELIVERED = frozenset({NotificationState.DEAD, NotificationState.DISMISSED})


@dataclass(frozen=True, kw_only=True)
class PendingDecision:
    """An event to decide on.

    event       as the delivery says it; ``details`` are added to it
    max_delay   its messages wait for more details, but no longer than this
    """

    event: Event
    details: Details | None
    max_delay: timedelta


@dataclass(frozen=True, kw_only=True)
class DecidedEvent:
    """An event that was decided on.

    counts    the number of routes that gave each verdict
    planned   the new notifications
    """

    event: Event
    counts: Mapping[Verdict, int]
    planned: Sequence[Notification]


def decide_events(transaction: Transaction, context: Context, pending: Sequence[PendingDecision]) -> list[DecidedEvent]:
    """Decide on events; record them, their details, decisions and notifications.

    An event that was decided on meanwhile is left out. The caller enqueues the heads of the notifications' lanes.
    """
    kept = deliveries.settle(transaction, [one.event.id for one in pending])
    fresh = [replace(one, event=with_details(one.event, one.details)) for one in pending if one.event.id in kept]
    rounds = decisions.last_rounds(transaction, [one.event.id for one in fresh])
    for one in fresh:
        if one.event.id in rounds:
            _keep_earlier_event(transaction, one.event)
    events.put_all(transaction, [one.event for one in fresh])
    events.put_details(transaction, {one.event.id: one.details for one in fresh if one.details})
    now = context.clock()
    quiet = silences.unexpired(transaction, now)
    plans = [_plan_notifications(transaction, context, one, now, quiet=quiet) for one in fresh]
    judged = [_judgment(context, plan, judged=rounds.get(plan.event.id, 0) + 1, at=now) for plan in plans]
    decisions.put(transaction, judged)
    _request_details(transaction, context, plans, replayed=rounds)
    return [
        DecidedEvent(
            event=plan.event,
            counts=_count_verdicts(plan, routes=len(context.routes)),
            planned=plan.notifications,
        )
        for plan in plans
    ]


def _request_details(
    transaction: Transaction, context: Context, plans: Sequence["Plan"], *, replayed: Collection[UUID]
) -> None:
    """Request the details that the new notifications wait for."""
    fetches.withdraw(transaction, [plan.event.id for plan in plans])
    # a replay may fill in what could not be asked before
    wanted = [plan.event.id for plan in plans if plan.notifications or (plan.event.id in replayed and plan.any_matched)]
    fetches.request(transaction, wanted, FetchPurpose.MESSAGE, due_at=context.clock())


def _keep_earlier_event(transaction: Transaction, event: Event) -> None:
    """Keep the event of the earlier rounds, if this parse of it differs."""
    before = events.find(transaction, event.id)
    if read_facts(before) != read_facts(event):
        decisions.keep_event(transaction, before)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The verdicts of the routes on an event, by position, and their consequences.

    remarks         what a reason says of channels, by the route's position
    notifications   the new ones
    earlier         those that channels of matched routes have about the same news already
    """

    pending: PendingDecision
    verdicts: dict[int, Verdict]
    remarks: dict[int, tuple[str, ...]] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    earlier: list[Notification] = field(default_factory=list)

    @property
    def event(self) -> Event:
        """Return the event with its details."""
        return self.pending.event

    @property
    def any_matched(self) -> bool:
        """True if a route matched, also if all its channels hear of this already."""
        return not MATCHED.isdisjoint(self.verdicts.values())


def _judgment(context: Context, plan: Plan, *, judged: int, at: datetime) -> Judgment:
    return Judgment(
        event_id=plan.event.id,
        round=judged,
        decided_at=at,
        verdicts=plan.verdicts,
        version=context.route_index.version,
        is_told=bool(plan.notifications) or any(map(_was_told, plan.earlier)),
        absent=absent_facts(plan.event),
        notes=JudgmentNotes(remarks=plan.remarks, unknown=_unknown_details(plan.event, plan.pending.details)),
    )


def _unknown_details(event: Event, details: Details | None) -> Mapping[DetailKind, tuple[str, ...]]:
    """Return the reasons why details that match keys need could not be had, by kind."""
    unknown: dict[DetailKind, tuple[str, ...]] = {}
    wanted = set(findable_details(event).values())
    for missing in details.missing if details else ():
        if missing.want in wanted:
            unknown[missing.want] = (*unknown.get(missing.want, ()), missing.reason)
    return unknown


def _count_verdicts(plan: Plan, *, routes: int) -> Mapping[Verdict, int]:
    return Counter(plan.verdicts.values()) + Counter({Verdict.NOT_MATCHED: routes - len(plan.verdicts)})


def _plan_notifications(
    transaction: Transaction, context: Context, pending: PendingDecision, now: datetime, *, quiet: Sequence[Silence]
) -> Plan:
    """Return the verdicts, and new notifications for the routes that matched.

    Each channel of a matched route gets one, unless it has one about the same news: a remark names it.
    """
    event = pending.event
    plan = Plan(pending=pending, verdicts=context.route_index.verdicts(event))
    if silence := find_silence(event, quiet, now):
        _silence(plan, silence)
    for position, verdict in plan.verdicts.items():
        if verdict is not Verdict.MATCHED:
            continue
        route = context.routes[position]
        make = _notification_factory(context, pending, route, now)
        channels = context.receivers[route.receiver].channels
        excluded = left_out(channels, event)
        wanted = [make(channel) for channel in channels if channel not in excluded]
        existing = notifications.insert_or_get(transaction, wanted)
        plan.notifications.extend(one for one, before in zip(wanted, existing, strict=True) if before is None)
        plan.earlier.extend(before for before in existing if before is not None)
        plan.verdicts[position] = _verdict_beside(existing)
        if remarks := (*_remarks_on_existing(existing), *remarks_on(excluded, of=channels)):
            plan.remarks[position] = remarks
    return plan


def _silence(plan: Plan, silence: Silence) -> None:
    """Give the routes that matched the verdict of a silence, with its reason."""
    for position, verdict in plan.verdicts.items():
        if verdict is Verdict.MATCHED:
            plan.verdicts[position] = Verdict.SILENCED
            plan.remarks[position] = (silence_reason(silence),)


def _notification_factory(
    context: Context, pending: PendingDecision, route: Route, now: datetime
) -> Callable[[Channel], Notification]:
    """Return a function that makes the notification of a matched route for a channel.

    It is due after the longest wait for details: also if none ever come, it is sent by then.
    """
    event = pending.event
    return lambda channel: Notification(
        id=uuid4(),
        event_id=event.id,
        topic=news_key(event),
        route=route.name,
        receiver=route.receiver,
        channel_key=channel.key,
        channel_label=channel.label,
        channel_kind=channel.kind,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=context.planned_at.take(now),
        next_attempt_at=now + pending.max_delay,
        give_up_at=now + context.retry_policy.give_up_after,
        server_lane=server_lane(channel),
    )


def _was_told(notification: Notification) -> bool:
    return notification.state not in UNDELIVERED or notification.was_sent


def _verdict_beside(existing: Sequence[Notification | None]) -> Verdict:
    """Return the verdict of a matched route by what its channels heard before."""
    told = [one for one in existing if one is not None and _was_told(one)]
    return Verdict.ALREADY_TOLD if told and len(told) == len(existing) else Verdict.MATCHED


def _remarks_on_existing(existing: Sequence[Notification | None]) -> list[str]:
    """Name the channels with an earlier notification about the same news.

    Where that could not be sent, the remark asks for a resend.
    """
    found = [notification for notification in existing if notification is not None]
    told = [one for one in found if _was_told(one)]
    remarks = []
    if told:
        labels = ", ".join(one.channel_label for one in told)
        remarks.append(f"{labels} already hears of this, by route '{told[0].route}'")
    return remarks + [
        f"{one.channel_label} was to hear of this, but it could not be sent ({one.reason}): resend it"
        for one in found
        if one not in told
    ]
