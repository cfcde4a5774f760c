"""Decide whether and when to retry a failed attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.errors import Permanent, Temporary
from service.model import Attempt, Notification
from service.pipeline.context import RetryPolicy

MAX_CHANNEL_PAUSE = timedelta(minutes=2)
MAX_PATIENCE = timedelta(days=1, hours=1)  # from the notification on


@dataclass(frozen=True, kw_only=True)
class RetryDecision:
    """The decision about a failed attempt.

    retry_at      time of the next attempt; None if a retry cannot help, or would be after ``give_up_at``
    give_up_at    no attempt is planned after this time
    pause_until   nothing is sent to the channel until then; None if the channel asked for no pause
    """

    retry_at: datetime | None
    give_up_at: datetime
    pause_until: datetime | None


def decide_retry(
    notification: Notification, attempt: Attempt, error: Exception, *, policy: RetryPolicy, now: datetime
) -> RetryDecision:
    """Return the decision about an error.

    A Retry-After is about the channel, not about one message. It may be longer than the time for retries: then there
    is one attempt after it.
    """
    asked_for_s = error.retry_after_s if isinstance(error, Temporary) else None
    retry_at = now + policy.pause(attempt.number, asked_for_s=asked_for_s)
    if asked_for_s is not None:  # no message is sent to the channel meanwhile, so its pauses stay shorter
        retry_at = min(retry_at, now + max(MAX_CHANNEL_PAUSE, timedelta(seconds=asked_for_s)))
    give_up_at = notification.give_up_at
    if attempt.number == 1:  # it may have waited in its lane for long: the time for retries begins here
        give_up_at = max(give_up_at, attempt.started_at + policy.give_up_after)
    is_in_time = attempt.number == 1 or now < notification.created_at + policy.give_up_after
    if (
        asked_for_s is not None and is_in_time
    ):  # else one that asks each time, or never answers, would be tried for ever
        give_up_at = max(give_up_at, min(retry_at, notification.created_at + MAX_PATIENCE))
    is_over = isinstance(error, Permanent) or retry_at > give_up_at
    pause_until = retry_at if asked_for_s is not None else None
    return RetryDecision(
        retry_at=None if is_over else retry_at,
        give_up_at=give_up_at,
        pause_until=min(pause_until, now + MAX_PATIENCE) if pause_until else None,
    )
