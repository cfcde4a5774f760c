"""Have bad news wait while CircleCI may rerun the workflow by itself.

What waits are notifications, as rows. A green rerun makes them pointless; a red one takes their place, so that one
message tells of the newest red.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from service.db.tables import Transaction
from service.model import (
    Closing,
    Color,
    Event,
    FetchPurpose,
    Incident,
    Line,
    News,
    Notification,
    Run,
    WaitsFor,
)
from service.pipeline.context import Context
from service.pipeline.judgment.red_facts import usual_of
from service.pipeline.news.channel_knowledge import REPLACED
from service.pipeline.waits.changed_runs import is_first_attempt
from service.pipeline.waits.group_waits import in_group
from service.pipeline.waits.quiet import hold_again, hold_quiet, plan_summary, quiet_again
from service.pipeline.waits.revive import GREEN, GREEN_RERUN, NEWS_OF_RED, OVER, is_revivable, requeue
from service.routing.news import news_key
from service.routing.patience import default_wait, is_manual_rerun, may_be_rerun, wait_ends_at
from service.store.events import events, fetches
from service.store.incidents import incidents, silences
from service.store.notifications import kept_back, notifications
from service.store.runs import runs


def hold_for_rerun(
    transaction: Transaction, context: Context, notification: Notification, event: Event, *, now: datetime
) -> bool:
    """Have news of a red run wait for a rerun; True if they are not sent now.

    Only before the first attempt: a later one may be a person's resend.
    """
    if notification.news not in NEWS_OF_RED or not is_first_attempt(notification) or event.run is None:
        return False
    if notification.waits_for is not WaitsFor.RERUN and not may_be_rerun(event):
        return False
    run = runs.find_all(transaction, [event.run.run_id]).get(event.run.run_id)
    if run is None:
        return False
    waiting = _Waiting(
        notification=notification,
        event=event,
        run=run,
        siblings=_siblings(transaction, run),
        incident=_incident_of(transaction, run),
        now=now,
    )
    return (
        _drop_over(transaction, waiting)
        or _hold_for_people(transaction, context, waiting)
        or _tell_newest(transaction, context, waiting)
        or _wait(transaction, context, waiting)
    )


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """News of a red run that wait, or may have to.

    siblings   the runs of the same workflow in the same pipeline, itself included
    incident   None: the run stands alone
    """

    notification: Notification
    event: Event
    run: Run
    siblings: Sequence[Run]
    incident: Incident | None
    now: datetime


def _incident_of(transaction: Transaction, run: Run) -> Incident | None:
    """Return the incident of a run; of one that was merged, the one that it became."""
    if run.incident_id is None:
        return None
    return incidents.find_current(transaction, {run.incident_id}).get(run.incident_id)


def _siblings(transaction: Transaction, run: Run) -> list[Run]:
    if run.pipeline_number is None:
        return [run]
    return runs.of_pipelines(transaction, run.track_id, {run.pipeline_number})


def _drop_over(transaction: Transaction, waiting: _Waiting) -> bool:
    """Drop news of a red run that need not be told any more; tell if so."""
    reason = _why_over(waiting)
    return reason is not None and bool(notifications.drop(transaction, [waiting.notification.id], reason=reason))


def _why_over(waiting: _Waiting) -> str | None:
    """Return the reason why a red run need not be told; None if it must be."""
    incident, run = waiting.incident, waiting.run
    if incident is not None:
        if incident.is_open:
            return None
        return {Closing.RERUN: GREEN_RERUN, Closing.GREEN: GREEN}.get(incident.closed_because or Closing.EXPIRED, OVER)
    after = [one for one in waiting.siblings if one.place > run.place and one.color is not Color.GREY]
    if not after:
        return None
    return GREEN_RERUN if max(after, key=lambda one: one.place).color is Color.GREEN else REPLACED


def _hold_for_people(transaction: Transaction, context: Context, waiting: _Waiting) -> bool:
    """Have news that waited for a rerun go on waiting where people want quiet."""
    one = waiting.notification
    if one.waits_for is not WaitsFor.RERUN:
        return False  # whether it is quiet was asked when they were planned
    again = quiet_again(transaction, context, one, waiting.event, incident=waiting.incident)
    if again is not one:
        hold_quiet(transaction, context, again)
    return again is not one


def _tell_newest(transaction: Transaction, context: Context, waiting: _Waiting) -> bool:
    """Have the newest red of the incident take the place of an older one; tell if so."""
    incident = waiting.incident
    if incident is None or incident.last_red == waiting.run.id:
        return False
    newest = runs.find_all(transaction, [incident.last_red]).get(incident.last_red)
    event = events.find_all(transaction, [newest.event_id]).get(newest.event_id) if newest else None
    if event is None:
        return False
    if take_place(transaction, context, [waiting.notification], event, now=waiting.now):
        fetches.request(transaction, [event.id], FetchPurpose.MESSAGE, due_at=waiting.now)
    return True


def _wait(transaction: Transaction, context: Context, waiting: _Waiting) -> bool:
    """Have news wait until the time at which they are told without a rerun."""
    until = _wait_ends_at(transaction, context, waiting)
    if until is None or until <= waiting.now:
        return False
    give_up_at = until + context.retry_policy.give_up_after
    one = replace(waiting.notification, next_attempt_at=until, give_up_at=give_up_at, waits_for=WaitsFor.RERUN)
    kept_back.hold(transaction, one)
    return True


def _wait_ends_at(transaction: Transaction, context: Context, waiting: _Waiting) -> datetime | None:
    """Return the time until which a red run waits for its rerun; None: it does not."""
    event, run = waiting.event, waiting.run
    if not may_be_rerun(event) or is_manual_rerun(event, run, waiting.siblings):
        return None
    reds = [one.stopped_at for one in waiting.siblings if one.color is Color.RED]
    if waiting.notification.news is News.BROKE and event.run is not None and event.run.since is not None:
        reds.append(event.run.since)
    first_red_at = min(reds, default=run.stopped_at)
    wait = _rerun_wait(transaction, context, event, run)
    return wait_ends_at(ended_at=run.stopped_at, first_red_at=first_red_at, wait=wait)


def _rerun_wait(transaction: Transaction, context: Context, event: Event, run: Run) -> timedelta:
    configured = context.projects.rerun_wait(event.project.slug, event.project_name)
    if configured is not None:
        return configured
    usual = usual_of(transaction, run)
    took_ms = usual.median_ms if usual else event.duration_ms
    return default_wait(timedelta(milliseconds=took_ms) if took_ms is not None else None)


def take_place(
    transaction: Transaction, context: Context, waiting: Sequence[Notification], event: Event, *, now: datetime
) -> list[Notification]:
    """Have a newer red run take the place of news that wait for a rerun.

    Returns the new notifications. They wait for details, and may then wait for the next rerun. Where that run's news
    were dropped before, they are due again.
    """
    quiet = silences.unexpired(transaction, now)
    newer = (_as_news_of(context, one, event, now) for one in waiting)
    held = [hold_again(transaction, context, one, event, now, quiet=quiet) for one in newer]
    wanted = [_in_group(context, one) for one in held]
    existing = notifications.insert_or_get(transaction, wanted)
    notifications.drop(transaction, {one.id for one in waiting}, reason=REPLACED)
    new = [one for one, before in zip(wanted, existing, strict=True) if before is None]
    for one in new:
        plan_summary(transaction, context, one)
    dropped = [before for before in existing if before is not None and is_revivable(before)]
    return [*new, *requeue(transaction, context, dropped, now=now)]


def _in_group(context: Context, one: Notification) -> Notification:
    """Return news as they wait for the others of their group, if they have one."""
    route, channel = context.route(one.route), context.channel(one.channel_key)
    return in_group(context, route, channel, one, replaced=()) if route and channel else one


def _as_news_of(context: Context, one: Notification, event: Event, now: datetime) -> Notification:
    policy = context.retry_policy
    return replace(
        one,
        id=uuid4(),
        event_id=event.id,
        topic=news_key(event),
        created_at=context.planned_at.take(now),
        next_attempt_at=now + policy.details_timeout,
        give_up_at=now + policy.give_up_after,
        waits_for=None,
        incident_id=event.run.incident_id if event.run else one.incident_id,
    )


def drop_fixed(transaction: Transaction, waiting: Sequence[Notification], closed_because: Closing | None) -> set[UUID]:
    """Drop news that wait for a rerun of a track that turned green."""
    reason = GREEN_RERUN if closed_because is Closing.RERUN else GREEN
    return notifications.drop(transaction, {one.id for one in waiting}, reason=reason)


def rerun_notes(notification: Notification, event: Event) -> tuple[Line, ...]:
    """Return the sentence of news that waited for a rerun in vain."""
    if notification.waits_for is not WaitsFor.RERUN or not may_be_rerun(event):
        return ()
    number, most = (event.workflow.auto_rerun_number or 0) + 1, event.workflow.max_auto_reruns
    return ((f"Automatic rerun {number} of {most} has not turned green in time.",),)
