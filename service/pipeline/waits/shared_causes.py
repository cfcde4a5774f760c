"""Shared causes: one message where projects break of the same failure at once.

Then it is CircleCI or the network, and not theirs: the news that wait on a channel are told in one message, and what
breaks of the same cause soon after it in another. Each stays on record, and is told by itself when it is fixed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.db.tables import Transaction
from service.model import Action, Incident, News, Notification, NotificationState, WaitsFor
from service.pipeline.context import Context
from service.pipeline.judgment.record_tests import run_remark
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.waits.heard_causes import FoundCause, tell_who_heard
from service.pipeline.waits.still_counts import still_counting
from service.pipeline.waits.summaries import CAUSE, GUARDED, Joint, cause_topics, needs_message_each, tell_together
from service.routing.shared_cause import WITHIN, OpenedIncident, SharedCause, shared_cause
from service.store.audit import actions
from service.store.events import events
from service.store.incidents import incidents, outbreaks
from service.store.notifications import kept_back, summaries

FOLLOW_UP = timedelta(minutes=10)
CLASSED_BY = "Roundsman: a shared cause"
MAX_MEMBERS = 500  # of one message
MAX_FRESH = 10  # incidents: beyond them, who was told of one by itself has heard of their cause


def end_shared_cause(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Tell what broke of a shared cause in one message.

    Returns True if the notification is not sent by itself now.
    """
    channel = context.channel(notification.channel_key)
    if channel is None or not _may_share(notification):
        return False
    found = _find_cause(transaction, notification)
    if found is None or not summaries.lock_pending(transaction, notification.id):
        return False
    kind, cause = found.kind, found.cause
    _classify(transaction, cause, now)
    has_each = needs_message_each(channel)
    if not has_each or len(cause.incidents) <= MAX_FRESH:
        others = tell_who_heard(transaction, context, found, but=notification.channel_key, now=now)
        enqueue_heads(transaction, context.jobs, [notification, *others] if others else [], now)
    if has_each:
        return False
    before = outbreaks.last_message(transaction, notification, cause_topics(kind), now - WITHIN - FOLLOW_UP)
    if before is not None:
        next_at = (before.sent_at or before.next_attempt_at) + FOLLOW_UP
        if now < next_at:
            held = replace(notification, next_attempt_at=next_at, waits_for=WaitsFor.GROUP)
            kept_back.hold(transaction, replace(held, give_up_at=next_at + context.retry_policy.give_up_after))
            return True
    ids = {one.id for one in cause.incidents}
    due = summaries.find_untried(transaction, notification, now)
    alike = [one for one in due if one.id != notification.id and one.incident_id in ids and _may_share(one)]
    told = still_counting(transaction, context, [notification, *alike[: MAX_MEMBERS - 1]], now)
    if not told or (before is not None and len(told) == 1):
        return notification.id not in {one.id for one in told}
    title = _title_again(told, cause) if before is not None else cause.sentence
    topic = f"{kind}:{min(one.id for one in told)}"
    return tell_together(transaction, context, told, Joint(kind=CAUSE, topic=topic, title=title)) is not None


def _may_share(notification: Notification) -> bool:
    is_untried = notification.state is NotificationState.PENDING and notification.attempts == 0
    return is_untried and notification.news is News.BROKE and notification.incident_id is not None


def _find_cause(transaction: Transaction, notification: Notification) -> FoundCause | None:
    """Return the cause that the incident of news shares with others, with its kind."""
    incident = _incident(transaction, notification)
    if incident is None:
        return None
    at, fingerprint = incident.opened_at, incident.fingerprint
    since, until = at - WITHIN, at + WITHIN
    if fingerprint:
        cause = shared_cause(outbreaks.opened_between(transaction, since, until, fingerprint=fingerprint), at)
        if cause is not None:
            return FoundCause(kind=fingerprint[:16], cause=cause)
    if not _guarded(transaction, {incident.id}):
        return None
    opened = outbreaks.opened_between(transaction, since, until)
    guarded = _guarded(transaction, {one.id for one in opened})
    alike = [replace(one, fingerprint=None, is_guarded=True) for one in opened if one.id in guarded]
    cause = shared_cause(alike, at)
    return FoundCause(kind=GUARDED, cause=cause) if cause is not None else None


def _incident(transaction: Transaction, notification: Notification) -> Incident | None:
    wanted = notification.incident_id
    found = incidents.find_all(transaction, [wanted]).get(wanted) if wanted else None
    return found if found is not None and found.is_open else None


def _guarded(transaction: Transaction, incident_ids: set[UUID]) -> set[UUID]:
    """Return those of incidents whose newest red is one that no test learns from."""
    of_incident = outbreaks.events_of_last_reds(transaction, incident_ids)
    details = events.find_all_details(transaction, [*of_incident.values()])
    return {
        incident_id
        for incident_id, event_id in of_incident.items()
        if event_id in details and run_remark(details[event_id]) is not None
    }


def _classify(transaction: Transaction, cause: SharedCause, now: datetime) -> None:
    """Class the incidents of a cause, where no person and no rule has."""
    for incident_id in outbreaks.classify(transaction, [one.id for one in cause.incidents], by=CLASSED_BY):
        classed = Action(verb="classify", subject_id=incident_id, who=CLASSED_BY, at=now, reason=cause.sentence)
        actions.record(transaction, classed)


def _title_again(told: Sequence[Notification], cause: SharedCause) -> str:
    """Return the title of what broke of a cause that a channel was told of before."""
    ids = {one.incident_id for one in told}
    newer: list[OpenedIncident] = [one for one in cause.incidents if one.id in ids]
    projects = len({one.project for one in newer})
    named = "1 project" if projects == 1 else f"{projects} projects"
    return f"CircleCI or the network is in trouble still: {len(told)} more workflows of {named}"
