"""Add the links that act to messages whose routes ask for them."""

from collections.abc import Sequence
from datetime import datetime

from service.db.tables import Transaction
from service.message.act_links import add_links, last_second
from service.message.blocks import Link
from service.model import Event, Message, Notification, NotificationState
from service.pipeline.context import Context
from service.store.notifications import notifications

MAX_LINKED = 5
"""The news of one message that have links: more would bury what it says."""


def with_act_links(context: Context, notification: Notification, event: Event, message: Message) -> Message:
    """Return the message of one event with its links."""
    until = _last_second(context, notification, context.clock())
    if context.act_links is None or until is None:
        return message
    return context.act_links.add(message, notification.id, event, until=until)


def with_joint_links(context: Context, told: Sequence[tuple[Notification, Event]], message: Message) -> Message:
    """Return a message of several news with links of up to MAX_LINKED of them."""
    if context.act_links is None:
        return message
    linked: list[Sequence[Link]] = []
    for notification, event in told:
        until = _last_second(context, notification, context.clock())
        if until is not None and len(linked) < MAX_LINKED:
            about = " ".join(str(one) for one in (event.project_name, event.branch, event.workflow.name) if one)
            links = context.act_links.make(notification.id, event, until=until, about=about)
            linked += [links] if links else []
    return add_links(message, [one for links in linked for one in links])


def with_links_of_sent(
    transaction: Transaction, context: Context, message: Message, *, event: Event, channel_key: str
) -> Message:
    """Return an edit of a message with the links that its channel got of the event.

    An edit makes no link valid for longer: they end as those did.
    """
    if context.act_links is None:
        return message
    for sent in notifications.of_events(transaction, {event.id}):
        if sent.channel_key == channel_key and sent.state is NotificationState.SENT and sent.sent_at is not None:
            until = _last_second(context, sent, sent.sent_at)
            if until is not None and until > context.clock():
                return context.act_links.add(message, sent.id, event, until=until)
    return message


def _last_second(context: Context, notification: Notification, since: datetime) -> datetime | None:
    """Return the end of the links in a message; None: its route asks for none."""
    route = context.route(notification.route)
    return None if route is None or route.act_links_s is None else last_second(since, route.act_links_s)
