"""Tell channels that heard of a break by itself that its cause is shared.

A channel that hears of one project alone has its message before the third one breaks. It gets one more, without which
its people would look for the fault in their own work.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import Event, Incident, News, Notification, NotificationState
from service.model.same_names import marked_events
from service.pipeline.context import Context
from service.pipeline.news.own_news import OwnNews, plan_own
from service.pipeline.waits.quiet import quiet_again
from service.pipeline.waits.summaries import HEARD, cause_topics, evidence_of, needs_message_each
from service.routing.shared_cause import WITHIN, SharedCause
from service.store.events import events
from service.store.incidents import incidents, outbreaks
from service.store.notifications import notifications, summaries
from service.store.runs import runs

MAX_LINES = 20
MAX_INCIDENTS = 200  # whose messages are looked for


@dataclass(frozen=True, kw_only=True)
class FoundCause:
    """A shared cause, and its kind: a part of the topics of its messages."""

    kind: str
    cause: SharedCause


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """The rows about the incidents of a cause."""

    incidents: Mapping[UUID, Incident]
    events: Mapping[UUID, Event]


def tell_who_heard(
    transaction: Transaction, context: Context, found: FoundCause, *, but: str, now: datetime
) -> list[Notification]:
    """Plan a message for each channel that was told of incidents of a cause before.

    Returns the new ones: a channel gets one of a cause, and none where people want quiet, or where its own news of the
    cause are about to be sent: those tell it. The caller enqueues the heads of their lanes.

    but   the key of the channel that is about to be told of the cause itself
    """
    opened = incidents.find_all(transaction, {one.id for one in found.cause.incidents[:MAX_INCIDENTS]})
    news = _news_of(transaction, [*opened.values()])
    waiting = _about_to_hear(news)
    heard = {key: some for key, some in _heard_by(news).items() if key not in waiting}
    about = events.find_all(transaction, {one.event_id for some in heard.values() for one in some if one.event_id})
    facts = _Facts(incidents=opened, events=about)
    planned: list[Notification] = []
    for key in sorted(heard.keys() - {but}):
        channel = context.channel(key)
        told = [one for one in heard[key] if _may_hear(transaction, context, one, facts)]
        if channel is None or needs_message_each(channel) or not told:
            continue
        if outbreaks.last_message(transaction, told[0], cause_topics(found.kind), now - 2 * WITHIN) is None:
            planned += plan_own(transaction, context, _own(found, told, facts, now), [channel])
    return planned


def _news_of(transaction: Transaction, opened: Collection[Incident]) -> Sequence[Notification]:
    """Return the news that incidents broke, also those not sent yet, oldest first."""
    reds = runs.find_all(transaction, {run_id for one in opened for run_id in (one.opened_by, one.last_red)})
    found = notifications.of_events(transaction, [run.event_id for run in reds.values()])
    return [one for one in found if one.news is News.BROKE]


def _heard_by(news: Iterable[Notification]) -> Mapping[str, Sequence[Notification]]:
    """Return the news that channels were told, oldest first."""
    heard: dict[str, list[Notification]] = defaultdict(list)
    for one in news:
        if one.was_sent:
            heard[one.channel_key].append(one)
    return heard


def _about_to_hear(news: Iterable[Notification]) -> set[str]:
    """Return the keys of channels for which news wait, and no quiet time holds them."""
    is_untried = (one for one in news if one.state is NotificationState.PENDING and one.attempts == 0)
    return {one.channel_key for one in is_untried if one.waits_for not in summaries.HELD_BACK}


def _may_hear(transaction: Transaction, context: Context, told: Notification, facts: _Facts) -> bool:
    """Return whether a channel may be told more of what it was told of."""
    event = facts.events.get(told.event_id) if told.event_id else None
    incident = facts.incidents.get(told.incident_id) if told.incident_id else None
    if event is None or (incident is not None and not incident.is_open):
        return False
    return quiet_again(transaction, context, told, event, incident=incident) is told


def _own(found: FoundCause, told: Sequence[Notification], facts: _Facts, now: datetime) -> OwnNews:
    about = [facts.events[one.event_id] for one in told if one.event_id]
    names = list(dict.fromkeys(_name(event) for event in marked_events(about)))
    more = [f"and {len(names) - MAX_LINES} more"] if len(names) > MAX_LINES else []
    lines = [
        evidence_of(found.kind),
        "Among them, as this channel was told",
        *(f"- {one}" for one in names[:MAX_LINES]),
    ]
    return OwnNews(
        news=News.SUMMARY,
        topic=f"{HEARD}:{found.kind}:{told[0].event_id}",  # an event has one id everywhere: a back-test compares topics
        receiver=told[0].receiver,
        title=found.cause.sentence,
        words="\n".join([*lines, *more]),
        due_at=now,
    )


def _name(event: Event) -> str:
    names = [event.project_name or "a project", f"tag {event.tag}" if event.tag else event.branch, event.workflow.name]
    return " ".join(name for name in names if name)
