"""Have a red told after all that was dropped as over, and is there still.

A later post, or CircleCI when it is asked, says that the run that ended the red or took its place had another color.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from service.db.tables import Transaction
from service.model import Color, Incident, News, Notification, NotificationState
from service.pipeline.context import Context
from service.pipeline.news.channel_knowledge import REPLACED
from service.pipeline.waits.quiet import OVER as OVER_IN_QUIET
from service.pipeline.waits.quiet import hold_quiet, quiet_again
from service.store.events import events
from service.store.incidents import incidents
from service.store.notifications import notifications, told
from service.store.runs import runs, tracks

CORRECTED = "a later post of its run says otherwise"
MERE_SETUP = "its run only set up the workflows after it"
GREEN_RERUN = "a rerun of the same commit turned green before it was told"
GREEN = "the branch turned green before it was told"
OVER = "its incident ended before it was told"
REVIVABLE = frozenset({REPLACED, CORRECTED, MERE_SETUP, GREEN_RERUN, GREEN, OVER, OVER_IN_QUIET})
"""The reasons for which news of a red are dropped that may turn out to be wrong."""
NEWS_OF_RED = frozenset({News.BROKE, News.STILL_BROKEN})


def revive(transaction: Transaction, context: Context, track_ids: Collection[int], now: datetime) -> list[Notification]:
    """Have dropped news of red tracks be due again, for channels that do not know.

    Returns them, and the summaries of quiet hours that they are to stand in. The caller enqueues the heads of their
    lanes.
    """
    revived: list[Notification] = []
    known = told.find(transaction, track_ids)
    for track_id, stored in sorted(tracks.find_all(transaction, track_ids).items()):
        incident = stored.state.incident_id
        found = incidents.find_all(transaction, {incident}).get(incident) if incident is not None else None
        if found is None or not found.is_open:
            continue
        owed = [
            one
            for one in _newest_of_channels(transaction, found)
            if is_revivable(one) and known.get((track_id, one.channel_key)) is not Color.RED
        ]
        revived += requeue(transaction, context, owed, now=now)
    return revived


def _newest_of_channels(transaction: Transaction, incident: Incident) -> Sequence[Notification]:
    """Return the newest news of an incident for each channel."""
    reds = [run for run in runs.of_incident(transaction, incident.track_id, incident.id) if run.color is Color.RED]
    found = notifications.of_events(transaction, [run.event_id for run in reds])
    return list({one.channel_key: one for one in found if one.news in NEWS_OF_RED}.values())


def is_revivable(one: Notification) -> bool:
    """Return whether news were dropped for a reason that may turn out to be wrong."""
    return one.state is NotificationState.DROPPED and one.reason in REVIVABLE and not one.was_sent


def requeue(
    transaction: Transaction, context: Context, owed: Sequence[Notification], *, now: datetime
) -> list[Notification]:
    """Have dropped news be due, or wait where people want quiet; return them."""
    if not owed:
        return []
    known = incidents.find_current(transaction, {one.incident_id for one in owed if one.incident_id})
    found = events.find_all(transaction, {one.event_id for one in owed if one.event_id})
    revived: list[Notification] = []
    for dropped in owed:
        due = notifications.requeue(transaction, dropped.id, at=now, patience=context.retry_policy.give_up_after)
        event = found.get(dropped.event_id) if dropped.event_id else None
        if due is None or event is None:
            continue
        incident = known.get(due.incident_id) if due.incident_id else None
        again = quiet_again(transaction, context, due, event, incident=incident)
        revived += [again, *(hold_quiet(transaction, context, again) if again is not due else ())]
    return revived
