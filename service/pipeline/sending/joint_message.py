"""Compose a message that tells several news, at the moment of its sending."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from service.db.tables import Transaction
from service.message.joint import MAX_LINES, JointItem, compose_items
from service.model import Event, Mention, Message, Notification
from service.pipeline.context import Context
from service.pipeline.news.link_acts import with_joint_links
from service.pipeline.waits.summaries import BURST, CAUSE, evidence_of, kind_of
from service.routing.people import MAX_MENTIONS
from service.store.events import events
from service.store.notifications import summaries

TOO_MANY = "{} messages were due here at once, too many to tell each by itself."

MentionsOf = Callable[[Notification, Event], Sequence[Mention]]


def compose_joint(
    transaction: Transaction, context: Context, notification: Notification, mentions_of: MentionsOf
) -> Message:
    """Return the message of news that are told together.

    mentions_of   the people whom one of the news is for
    """
    members = summaries.members(transaction, notification.id)
    found = events.find_all(transaction, {one.event_id for one in members if one.event_id})
    details = events.find_all_details(transaction, [*found])
    told = [(one, found[one.event_id]) for one in members if one.event_id in found]
    items = [
        JointItem(event=event, details=details.get(event.id), news=one.news, page=_page(context, event.id))
        for one, event in told
    ]
    page = f"{context.public_url}/" if context.public_url else None
    kind, title, lead = kind_of(notification), None, None
    if kind == BURST:
        lead = TOO_MANY.format(len(items))
    elif kind == CAUSE:
        title, lead = notification.title, _of_cause(notification)
    message = compose_items(items, title=title, lead=lead, page=page)
    message = with_joint_links(context, told, message)
    mentions = dict.fromkeys(one for each in told[:MAX_LINES] for one in mentions_of(*each))
    return replace(message, subject=notification.topic, mentions=tuple(mentions)[:MAX_MENTIONS], news=notification.news)


def _of_cause(notification: Notification) -> str:
    """Return the evidence of a shared cause: what its incidents have in common."""
    kind = notification.topic.split(":")[1]
    return f"{evidence_of(kind)} What this channel had not heard of:"


def _page(context: Context, event_id: UUID) -> str | None:
    return f"{context.public_url}/builds/{event_id}" if context.public_url else None
