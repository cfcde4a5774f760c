"""Notifications that channels have already about the same news."""

from collections.abc import Sequence

from service.model import Notification, NotificationState, Verdict
from service.store.notifications.summaries import UNTOLD

UNDELIVERED = frozenset({NotificationState.DEAD, NotificationState.DISMISSED, NotificationState.DROPPED})


def was_told(notification: Notification) -> bool:
    """Return whether a channel was told, or is to be told."""
    if notification.told_in is not None and notification.reason != UNTOLD:
        return True
    return notification.state not in UNDELIVERED or notification.was_sent


def verdict_beside(existing: Sequence[Notification | None]) -> Verdict:
    """Return the verdict of a matched route by what its channels heard before."""
    told = [one for one in existing if one is not None and was_told(one)]
    return Verdict.ALREADY_TOLD if told and len(told) == len(existing) else Verdict.MATCHED


def remarks_on_existing(existing: Sequence[Notification | None]) -> list[str]:
    """Name the channels with an earlier notification about the same news.

    Where that could not be sent, the remark asks for a resend.
    """
    found = [notification for notification in existing if notification is not None]
    told = [one for one in found if was_told(one)]
    remarks = []
    if told:
        labels = ", ".join(one.channel_label for one in told)
        remarks.append(f"{labels} already hears of this, by route '{told[0].route}'")
    return remarks + [
        f"{one.channel_label} was to hear of this, but it could not be sent ({one.reason}): resend it"
        for one in found
        if one not in told
    ]
