"""Edit the living messages of incidents that changed without news.

An edit is no post. A late run corrects an incident, a person takes it, it expires: what is to be edited is a row with a
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from service.channels import StillSending
from service.db.tables import Transaction
from service.errors import NotFound, Permanent, Temporary
from service.message import Story, apply_templates, compose
from service.model import (
    Channel,
    Closing,
    Color,
    Incident,
    LivingMessage,
    LivingReceipt,
    Message,
    MessageFacts,
    News,
    Update,
)
from service.pipeline.context import Context
from service.pipeline.judgment.facts_of_red import with_red_facts
from service.pipeline.news.link_acts import with_links_of_sent
from service.pipeline.news.living import has_living_channels
from service.store.events import events
from service.store.incidents import incidents
from service.store.notifications import living_messages
from service.store.runs import runs, tracks

EDIT_EVERY_S = 30.0
EDIT_DELAY = timedelta(minutes=1)  # news of the same change edit the message by then
EDIT_LEASE = timedelta(minutes=5)
EDIT_PAUSE = timedelta(minutes=5)  # after a failure
MAX_EDITS = 20  # at a time
EXPIRED, MERGED = "expired: no run for long", "goes on in another message"
CORRECTED = "a later post says otherwise"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A living message to edit; ``message`` is None if there is nothing left to show."""

    living: LivingMessage
    channel: Channel | None
    message: Message | None


async def edit_living(context: Context) -> None:
    """Edit the living messages that are due."""
    if not has_living_channels(context):
        return
    now = context.clock()
    lease_until = now + EDIT_LEASE
    await context.store.write(_order_expired, now)
    for edit in await context.store.write(_claim, context, now, lease_until):
        await _edit(context, edit, lease_until)


def _order_expired(transaction: Transaction, now: datetime) -> None:
    """Order an edit for each red message of a branch that had no run for long."""
    reds = living_messages.red_tracks(transaction)
    over = [incident_id for incident_id, one in reds.items() if one.track.is_silent(one.state.last_at, now)]
    living_messages.order_edits(transaction, over, now)


def _claim(transaction: Transaction, context: Context, now: datetime, lease_until: datetime) -> Sequence[Edit]:
    claimed = living_messages.claim_edits(transaction, now, lease_until, MAX_EDITS)
    known = incidents.find_all(transaction, {one.incident_id for one in claimed})
    return [_to_edit(transaction, context, one, known.get(one.incident_id)) for one in claimed]


def _to_edit(transaction: Transaction, context: Context, living: LivingMessage, incident: Incident | None) -> Edit:
    channel, message = context.channel(living.channel_key), None
    if incident is not None:
        try:
            living = replace(living, color=_color(transaction, incident, context.clock()))
            message = _compose(transaction, context, incident, living)
        except NotFound:  # its run is older than what is kept
            log.info("a living message stays as it is: its run is forgotten", incident=str(incident.id))
    return Edit(living=living, channel=channel, message=message)


def _color(transaction: Transaction, incident: Incident, now: datetime) -> Color:
    """Return the color of an incident: grey if it ended without a green run."""
    if incident.closed_because in {Closing.GREEN, Closing.RERUN}:
        return Color.GREEN
    if incident.closed_because is Closing.EXPIRED or incident.merged_into is not None:
        return Color.GREY
    stored = tracks.find_all(transaction, [incident.track_id]).get(incident.track_id)
    return Color.GREY if stored and stored.track.is_silent(stored.state.last_at, now) else Color.RED


def _compose(transaction: Transaction, context: Context, incident: Incident, living: LivingMessage) -> Message:
    is_green = living.color is Color.GREEN and incident.closed_by is not None
    run_id = incident.closed_by if is_green and incident.closed_by else incident.last_red
    run = runs.find_all(transaction, [run_id]).get(run_id)
    if run is None:
        raise NotFound(f"there is no run {run_id}")
    news = News.FIXED if is_green else News.STILL_BROKEN if incident.streak > 1 else News.BROKE
    event = events.find(transaction, run.event_id)
    event_url = f"{context.public_url}/builds/{event.id}#why" if context.public_url else None
    facts = MessageFacts(news=news, taken=incident.taken, closed_because=incident.closed_because)
    details = events.find_details(transaction, event.id)
    facts = with_red_facts(transaction, context, facts, event, details=details)
    message = compose(event, details, event_url=event_url, facts=facts)
    if receiver := context.receiver_of(living.channel_key):
        message = apply_templates(receiver, Story(event=event, details=details, facts=facts, message=message))
    if living.color is Color.RED:
        message = with_links_of_sent(transaction, context, message, event=event, channel_key=living.channel_key)
    title = message.title
    if living.color is Color.GREY:
        title = f"{title} ({_why_grey(incident)})"
    return replace(message, title=title, living=living, update=Update.EDIT)


def _why_grey(incident: Incident) -> str:
    if incident.merged_into == incident.id:
        return CORRECTED
    return MERGED if incident.merged_into else EXPIRED


async def _edit(context: Context, edit: Edit, lease_until: datetime) -> None:
    living, again_at = edit.living, None
    if edit.channel is not None and edit.message is not None:
        try:
            receipt = await context.notifier.send(edit.channel, edit.message, notification_id=uuid4())
            living = receipt.living if isinstance(receipt, LivingReceipt) else living
        except StillSending as error:
            log.info("a living message is edited again", channel=edit.channel.label, reason=str(error))
            again_at = context.clock() + EDIT_PAUSE
        except Temporary as error:
            log.info("a living message is edited again", channel=edit.channel.label, reason=str(error))
            again_at = context.clock() + max(EDIT_PAUSE, timedelta(seconds=error.retry_after_s or 0))
        except Permanent as error:
            log.warning("a living message cannot be edited", channel=edit.channel.label, reason=str(error))
    await context.store.write(living_messages.record_edit, living, lease_until, again_at=again_at)
