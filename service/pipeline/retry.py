"""What is to come of a try that did not work: when the next one is, if there is one, and what the channel asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.errors import Permanent, Temporary
from service.model import Attempt, Notification
from service.pipeline.context import RetryPolicy

MAX_CHANNEL_PAUSE = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class RetryDecision:
    """How a notification goes on after a try that did not work.

    retry_at      when it is tried again; None when that will not help, or patience has ended
    give_up_at    no try is planned after this time
    pause_until   until when nobody sends anything to the channel; None when it did not ask to be left alone
    """

    retry_at: datetime | None
    give_up_at: datetime
    pause_until: datetime | None


def decide_retry(
    notification: Notification, attempt: Attempt, error: Exception, *, policy: RetryPolicy, now: datetime
) -> RetryDecision:
    """What to do about an error. A channel's Retry-After is about the channel, not about one message."""
    asked_for_s = error.retry_after_s if isinstance(error, Temporary) else None
    retry_at = now + policy.pause(attempt.number, asked_for_s=asked_for_s)
    if asked_for_s is not None:  # while it rests nobody is told anything, so that its pauses do not grow as long
        retry_at = min(retry_at, now + max(MAX_CHANNEL_PAUSE, timedelta(seconds=asked_for_s)))
    give_up_at = notification.give_up_at
    if attempt.number == 1:  # it may have stood in line for long: patience is with the channel, and begins here
        give_up_at = max(give_up_at, attempt.started_at + policy.give_up_after)
    is_over = isinstance(error, Permanent) or retry_at > give_up_at
    pause_until = retry_at if asked_for_s is not None else None
    return RetryDecision(
        retry_at=None if is_over else retry_at,
        give_up_at=give_up_at,
        pause_until=min(pause_until, now + policy.give_up_after) if pause_until else None,
    )
