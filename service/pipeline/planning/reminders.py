"""Remind people of incidents that no one has taken, and tell others after a while.

One process looks once a minute. The number of a reminder is part of its topic: of two processes that look at a time,
and of any number of restarts, one makes each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import structlog

from service.channels import server_lane
from service.db.tables import Transaction
from service.errors import NotFound
from service.message.status_text import age
from service.model import Channel, Event, Incident, Line, News, Notification, NotificationState, Route, Silence
from service.pipeline.context import Context
from service.pipeline.judgment.silence_facts import silence_of
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.news.channel_knowledge import is_under_way
from service.routing.active_hours import is_active
from service.routing.news import REMINDERS
from service.routing.reminders import NOT_OPEN, number_due, why_silent
from service.store.events import events
from service.store.incidents import incidents, reminders, silences
from service.store.incidents.reminders import ToldIncident
from service.store.notifications import kept_back, notifications
from service.store.runs import runs

REMIND_EVERY_S = 60.0
NEWER = "a newer reminder took its place before it was sent"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Due:
    """A reminder or an escalation that is due on a channel."""

    told: ToldIncident
    route: Route
    receiver: str
    channel: Channel
    news: News
    topic: str


async def remind(context: Context) -> None:
    """Plan the reminders that are due, and drop those that are no longer.

    News of incidents that people unmuted are due then.
    """
    await context.store.write(_remind, context)


def _remind(transaction: Transaction, context: Context) -> None:
    enqueue_heads(transaction, context.jobs, plan_reminders(transaction, context), context.clock())


def plan_reminders(transaction: Transaction, context: Context) -> list[Notification]:
    """Plan the reminders that are due; return them, and those that were dropped."""
    now = context.clock()
    routes = {route.name: route for route in context.routes if _is_wanted(route, now)}
    dropped = [one for one in reminders.find_waiting(transaction, REMINDERS) if is_over(transaction, one, now)]
    due = [
        one
        for told in (reminders.find_told(transaction, routes.keys()) if routes else [])
        if why_silent(told.incident, now) is None and not told.track.is_silent(told.last_at, now)
        for one in _due(context, routes[told.route], told, now)
    ]
    planned = _plan(transaction, context, due, now)
    unmuted = kept_back.end_mutes(transaction, now)
    if planned:
        log.info("people are reminded", notifications=len(planned))
    return [*dropped, *planned, *unmuted]


def _is_wanted(route: Route, now: datetime) -> bool:
    is_quiet = route.active is not None and not route.is_urgent and not is_active(route.active, now)
    return (route.repeat_s is not None or route.escalation is not None) and not is_quiet


def _due(context: Context, route: Route, told: ToldIncident, now: datetime) -> Iterator[_Due]:
    channel = context.channel(told.channel_key)
    number = number_due(told.told_at, route.repeat_s, now) if route.repeat_s else 0
    if number and channel is not None:
        topic = f"reminder:{told.incident.id}:{number}"
        yield _Due(told=told, route=route, receiver=route.receiver, channel=channel, news=News.REMINDER, topic=topic)
    others = route.escalation
    if others is not None and number_due(told.told_at, others.after_s, now):
        receiver = context.receivers.get(others.receiver)
        for channel in receiver.channels if receiver else ():
            topic = f"escalation:{told.incident.id}{_again(told.incident)}"
            yield _Due(
                told=told, route=route, receiver=others.receiver, channel=channel, news=News.ESCALATION, topic=topic
            )


def _again(incident: Incident) -> str:
    """Return what tells an escalation from the one before a taking."""
    return f":{incident.taken.at.isoformat()}" if incident.taken else ""


def _plan(transaction: Transaction, context: Context, due: Sequence[_Due], now: datetime) -> list[Notification]:
    there = {(one.topic, one.channel_key) for one in notifications.of_topics(transaction, {one.topic for one in due})}
    new = {(one.topic, one.channel.key): one for one in due if (one.topic, one.channel.key) not in there}
    quiet = silences.unexpired(transaction, now)
    wanted = [one for each in new.values() if (one := _make(transaction, context, each, quiet)) is not None]
    planned = notifications.insert(transaction, wanted)
    _drop_older(transaction, planned)
    return planned


def _make(transaction: Transaction, context: Context, due: _Due, quiet: Sequence[Silence]) -> Notification | None:
    """Return the notification of what is due; None if it is not sent.

    It is not in a silence, or if its run is forgotten.
    """
    incident, channel, now = due.told.incident, due.channel, context.clock()
    run = runs.find_all(transaction, [incident.last_red]).get(incident.last_red)
    try:
        event = events.find(transaction, run.event_id) if run else None
    except NotFound:
        event = None
    if event is None:
        log.info("no one is reminded: the run is forgotten", incident=str(incident.id))
        return None
    if silence_of(transaction, context, event, quiet=quiet, now=now):
        return None
    return Notification(
        id=uuid4(),
        event_id=event.id,
        topic=due.topic,
        route=due.route.name,
        receiver=due.receiver,
        channel_key=channel.key,
        channel_label=channel.label,
        channel_kind=channel.kind,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=context.planned_at.take(now),
        next_attempt_at=now,
        give_up_at=now + context.retry_policy.give_up_after,
        server_lane=server_lane(channel),
        news=due.news,
        track_id=incident.track_id,
        incident_id=incident.id,
        project_slug=event.project.slug,
        project_name=event.project_name,
    )


def _drop_older(transaction: Transaction, planned: Sequence[Notification]) -> None:
    """Drop reminders that a channel has not accepted yet, for the newer ones."""
    newer = {(one.incident_id, one.channel_key): one.id for one in planned if one.news is News.REMINDER}
    if not newer:
        return
    waiting = reminders.find_waiting(transaction, [News.REMINDER])
    older = [one.id for one in waiting if newer.get((one.incident_id, one.channel_key), one.id) != one.id]
    notifications.drop(transaction, older, reason=NEWER)


def is_over(transaction: Transaction, notification: Notification, now: datetime) -> bool:
    """Drop a reminder if its incident was fixed, taken or muted meanwhile; tell if so.

    One that the channel may have already stays, and so does a person's resend.
    """
    if notification.news not in REMINDERS or notification.incident_id is None or is_under_way(notification):
        return False
    if notification.was_sent or (notification.attempts and notification.reason is None):
        return False
    incident = incidents.find_all(transaction, [notification.incident_id]).get(notification.incident_id)
    reason = why_silent(incident, now) if incident else NOT_OPEN
    return reason is not None and bool(notifications.drop(transaction, [notification.id], reason=reason))


def reminder_notes(
    notification: Notification, event: Event, incident: Incident | None, now: datetime
) -> tuple[Line, ...]:
    """Return the sentence of a reminder: ``Still red for 4 h, 6 runs.``"""
    run = event.run
    if notification.news not in REMINDERS or run is None or run.since is None:
        return ()
    runs_red = "1 run" if run.streak == 1 else f"{run.streak} runs"
    taken = incident.taken if incident else None
    why = ", and no one has taken it" if notification.news is News.ESCALATION else ""
    if taken is not None:
        is_late = taken.until is not None and taken.until <= now
        why = ", longer than it was taken for" if is_late else ", and it fails in another way than when it was taken"
    return ((f"Still red for {age(now - run.since)}, {runs_red}{why}.",),)
