"""The wait of news for the others of their group."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from service.model import Channel, Notification, Route, WaitsFor
from service.pipeline.context import Context
from service.pipeline.waits.summaries import needs_message_each


def in_group(
    context: Context, route: Route, channel: Channel, notification: Notification, *, replaced: Sequence[Notification]
) -> Notification:
    """Return news as they wait for the others of their group, if their route has one.

    replaced   news that they take the place of: they wait no longer than those would have
    """
    if route.group is None or notification.waits_for is not None or needs_message_each(channel):
        return notification
    mine = (notification.track_id, notification.channel_key)
    before = [
        one.next_attempt_at
        for one in replaced
        if one.waits_for is WaitsFor.GROUP and (one.track_id, one.channel_key) == mine
    ]
    until = min([context.clock() + timedelta(seconds=route.group.wait_s), *before])
    give_up_at = until + context.retry_policy.give_up_after
    return replace(notification, next_attempt_at=until, give_up_at=give_up_at, waits_for=WaitsFor.GROUP)
