"""Keep news back in quiet hours and silences, and tell later what still counts.

News that are kept back wait as notifications. At the end of the quiet time what is still red is told once; what was
fixed meanwhile, and all that is not red, stands in one summary for the channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from service.db.tables import Transaction
from service.model import (
    Channel,
    Color,
    Event,
    Incident,
    Line,
    News,
    Notification,
    NotificationState,
    Route,
    Silence,
    WaitsFor,
)
from service.pipeline.context import Context
from service.pipeline.judgment.silence_facts import silence_of
from service.pipeline.news.own_news import OwnNews, plan_own
from service.routing.active_hours import is_active, next_active
from service.routing.news import COLORS
from service.store.events import events
from service.store.incidents import incidents, silences
from service.store.notifications import kept_back, notifications
from service.store.runs import tracks
from service.store.runs.tracks import StoredTrack
from service.text import capitalize_first

QUIET = frozenset({WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE})
OVER = "it was over when the quiet time ended"
SUMMARY = "summary:"
"""The topic of a summary, before the end of its quiet time."""
IN_SUMMARY = "it stands in the summary of the quiet time"
NOTHING_LEFT = "nothing was left for it to say"


def in_quiet_hours(context: Context, route: Route, notification: Notification, now: datetime) -> Notification:
    """Return a notification as it waits in quiet hours, if it is quiet now."""
    if route.active is None or route.is_urgent or is_active(route.active, now):
        return notification
    return _until(context, notification, next_active(route.active, now), WaitsFor.HOURS)


def in_silence(context: Context, silence: Silence, notification: Notification) -> Notification:
    """Return a notification as it waits for the end of a silence."""
    return _until(context, notification, silence.ends_at, WaitsFor.SILENCE)


def in_mute(context: Context, incident: Incident, notification: Notification) -> Notification:
    """Return a notification as it waits for the end of its incident's mute."""
    until = incident.muted_until or notification.next_attempt_at
    return _until(context, notification, until, WaitsFor.MUTE)


def kept_quiet(
    context: Context, notification: Notification, silence: Silence | None, incident: Incident | None
) -> Notification:
    """Return a notification as it waits for the end of a silence, else of a mute."""
    if silence is not None:
        return in_silence(context, silence, notification)
    return in_mute(context, incident, notification) if incident is not None else notification


def _until(context: Context, notification: Notification, until: datetime, waits_for: WaitsFor) -> Notification:
    give_up_at = until + context.retry_policy.give_up_after
    return replace(notification, next_attempt_at=until, give_up_at=give_up_at, waits_for=waits_for)


def quiet_remark(route: Route, held: Sequence[Notification]) -> list[str]:
    """Return the remark that names the channels for which news wait for hours."""
    waiting = [one for one in held if one.waits_for is WaitsFor.HOURS]
    if not waiting or route.active is None:
        return []
    labels = ", ".join(one.channel_label for one in waiting)
    until = waiting[0].next_attempt_at.astimezone(ZoneInfo(route.active.timezone))
    return [f"{labels} hears of it after quiet hours, from {until:%Y-%m-%d %H:%M} {route.active.timezone} on"]


def quiet_notes(context: Context, notification: Notification, event: Event) -> tuple[Line, ...]:
    """Return the sentence of a message that waited.

    Such as ``Red since 09:12, quiet until 12:00.``
    """
    if notification.waits_for not in QUIET:
        return ()
    route = _route_of(context, notification)
    name = route.active.timezone if route and route.active else "UTC"
    until, since = notification.next_attempt_at, event.run.since if event.run else None
    parts = []
    if COLORS.get(notification.news) is Color.RED or (event.run and event.run.color is Color.RED):
        parts.append(f"red since {_on_clock(since or event.happened_at, until, name)}")
    if notification.attempts == 0:  # a later attempt has another time
        word = "muted" if notification.waits_for is WaitsFor.MUTE else "quiet"
        parts.append(f"{word} until {_on_clock(until, until, name)}")
    sentence = ", ".join(parts)
    return ((f"{capitalize_first(sentence)} ({name}).",),) if sentence else ()


def _on_clock(time: datetime, other: datetime, zone: str) -> str:
    """Return the time of a clock, with the date if it is not that of the other time."""
    local, shown = time.astimezone(ZoneInfo(zone)), other.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}" if local.date() == shown.date() else f"{local:%Y-%m-%d %H:%M}"


def plan_summaries(
    transaction: Transaction, context: Context, held: Sequence[Notification], channels: Sequence[Channel]
) -> list[Notification]:
    """Plan the summary of each channel for the end of its quiet hours.

    Where there is one already, it stays.
    """
    by_key = {channel.key: channel for channel in channels}
    planned = []
    for one in held:
        if one.waits_for is WaitsFor.HOURS:
            own = OwnNews(
                news=News.SUMMARY,
                topic=f"{SUMMARY}{one.next_attempt_at.isoformat()}",
                receiver=one.receiver,
                title="After quiet hours",
                words="",
                due_at=one.next_attempt_at,
                waits_for=WaitsFor.HOURS,
            )
            planned += plan_own(transaction, context, own, [by_key[one.channel_key]])
    return planned


def hold_quiet(transaction: Transaction, context: Context, held: Notification) -> list[Notification]:
    """Have news wait in a quiet time; return the new summary of its hours."""
    kept_back.hold(transaction, held)
    return plan_summary(transaction, context, held)


def plan_summary(transaction: Transaction, context: Context, held: Notification) -> list[Notification]:
    """Plan the summary of the hours that news wait for; return it if it is new."""
    channel = context.channel(held.channel_key)
    return plan_summaries(transaction, context, [held], [channel]) if channel is not None else []


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """The rows about news that were kept back."""

    events: Mapping[UUID, Event]
    tracks: Mapping[int, StoredTrack]
    incidents: Mapping[UUID, Incident]
    quiet: Sequence[Silence]


def end_quiet(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Decide on news whose quiet time has ended; True if they are not sent now.

    Only before the first attempt: a later one may be a person's resend.
    """
    if notification.waits_for not in QUIET or notification.attempts or notification.state is NotificationState.SENDING:
        return False
    if notification.news is News.SUMMARY:
        waiting = kept_back.find_due(transaction, notification.channel_key, now)
        _end_each(transaction, context, [one for one in waiting if one.news is not News.SUMMARY], now)
        told = [one for one in summarized(transaction, notification) if one.event_id]
        return not told and bool(notifications.drop(transaction, [notification.id], reason=NOTHING_LEFT))
    return notification.id not in _end_each(transaction, context, [notification], now)


def _end_each(transaction: Transaction, context: Context, waiting: Sequence[Notification], now: datetime) -> set[UUID]:
    """Drop what is over, and hold again what is quiet still; return the rest."""
    facts = _read_facts(transaction, waiting, now)
    due: set[UUID] = set()
    for one in waiting:
        event = facts.events.get(one.event_id) if one.event_id else None
        again = _again(transaction, context, one, event, facts=facts, now=now) if event else one
        if again is not one:
            hold_quiet(transaction, context, again)
        elif event is not None and (reason := _why_dropped(one, event, facts)):
            notifications.drop(transaction, [one.id], reason=reason)
        else:
            due.add(one.id)
    return due


def _read_facts(transaction: Transaction, waiting: Sequence[Notification], now: datetime) -> _Facts:
    found = events.find_all(transaction, {one.event_id for one in waiting if one.event_id})
    return _Facts(
        events=found,
        tracks=tracks.find_all(transaction, {one.track_id for one in waiting if one.track_id is not None}),
        incidents=incidents.find_all(transaction, {one.incident_id for one in waiting if one.incident_id}),
        quiet=silences.unexpired(transaction, now),
    )


def _again(  # noqa: PLR0913 - what is known of the news
    transaction: Transaction, context: Context, one: Notification, event: Event, *, facts: _Facts, now: datetime
) -> Notification:
    """Return news as they wait again: of a muted incident, or where it is quiet still."""
    incident = facts.incidents.get(one.incident_id) if one.incident_id else None
    is_muted = incident is not None and incident.is_open and incident.is_muted(now)
    if incident is not None and is_muted and COLORS.get(one.news) is Color.RED:
        return in_mute(context, incident, one)
    return hold_again(transaction, context, one, event, now, quiet=facts.quiet)


def hold_again(  # noqa: PLR0913, PLR0917 - what is known of the news
    transaction: Transaction,
    context: Context,
    one: Notification,
    event: Event,
    now: datetime,
    *,
    quiet: Sequence[Silence],
) -> Notification:
    """Return news as they wait again, if it is quiet for them now."""
    if silence := silence_of(transaction, context, event, quiet=quiet, now=now):
        return in_silence(context, silence, one)
    route = _route_of(context, one)
    return in_quiet_hours(context, route, one, now) if route else one


def quiet_again(
    transaction: Transaction, context: Context, one: Notification, event: Event, *, incident: Incident | None
) -> Notification:
    """Return red news as they wait again: of a muted incident, or where it is quiet."""
    now = context.clock()
    if incident is not None and incident.is_muted(now):
        return in_mute(context, incident, one)
    return hold_again(transaction, context, one, event, now, quiet=silences.unexpired(transaction, now))


def _route_of(context: Context, notification: Notification) -> Route | None:
    return next((route for route in context.routes if route.name == notification.route), None)


def _why_dropped(one: Notification, event: Event, facts: _Facts) -> str | None:
    """Return the reason why news are not told singly; None if they are."""
    if one.news is News.FIXED:
        return None  # it goes to those who were told that it broke
    incident = facts.incidents.get(one.incident_id) if one.incident_id else None
    track = facts.tracks.get(one.track_id) if one.track_id is not None else None
    if COLORS.get(one.news) is Color.RED:
        return None if incident is None or incident.is_open else OVER
    if event.run is None or event.run.color is not Color.RED:
        return IN_SUMMARY
    is_newest = incident is None or (incident.is_open and incident.last_red == event.run.run_id)
    is_red = track is None or track.state.color is Color.RED
    return None if is_newest and is_red else OVER


def _end_of(summary: Notification) -> datetime:
    """Return the end of the quiet time of a summary; a later attempt has another time."""
    return datetime.fromisoformat(summary.topic.removeprefix(SUMMARY))


def summarized(transaction: Transaction, summary: Notification) -> Sequence[Notification]:
    """Return the news of a quiet time that are not told singly."""
    kept = kept_back.of_quiet_time(transaction, summary, until=_end_of(summary))
    singly = {one.track_id for one in kept if one.state is not NotificationState.DROPPED and one.track_id is not None}
    return [
        one
        for one in kept
        if one.state is NotificationState.DROPPED and (one.track_id is None or one.track_id not in singly)
    ]
