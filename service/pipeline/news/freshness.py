"""The age at which what was found by asking is no longer told."""

from datetime import datetime, timedelta

from service.message.status_text import age
from service.model import Event, EventKind, Via

FRESH_FOR = timedelta(hours=1)
SETTINGS_FRESH_FOR = timedelta(days=1)  # they are compared once a day
HOLD_FRESH_FOR = timedelta(days=7)  # it still waits for a person; one that waits longer is left for `roundsman holds`
_FRESH_FOR = {EventKind.SETTINGS_CHANGED: SETTINGS_FRESH_FOR, EventKind.WORKFLOW_HELD: HOLD_FRESH_FOR}


def stale_reason(event: Event, now: datetime) -> str | None:
    """Return the reason why an event is too old to be told; None if it is not.

    Webhooks are told at any age: CircleCI sends them at once, or again soon. So is the end of an approval: a channel
    that was told that a workflow waits is to hear that it waits no more.
    """
    passed = now - event.happened_at
    if event.ends_hold or event.via is not Via.RECONCILE or passed <= _FRESH_FOR.get(event.kind, FRESH_FOR):
        return None
    if event.kind is EventKind.SETTINGS_CHANGED:
        return f"late: it was found {age(passed)} ago; it is told for a day only"
    if event.kind is EventKind.WORKFLOW_HELD:
        return f"late: it had waited for {age(passed)} when it was found; it is told for a week only"
    return (
        f"late: its webhook did not come, and asking found it {age(passed)} after its end; it is told for an hour only"
    )
