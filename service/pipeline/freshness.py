"""The age at which what was found by asking is no longer told."""

from datetime import datetime, timedelta

from service.model import Event, Via

FRESH_FOR = timedelta(hours=1)


def stale_reason(event: Event, now: datetime) -> str | None:
    """Return the reason why an event is too old to be told; None if it is not.

    Webhooks are told at any age: CircleCI sends them at once, or again soon.
    """
    age = now - event.happened_at
    if event.via is not Via.RECONCILE or age <= FRESH_FOR:
        return None
    found = f"{age / timedelta(hours=1):.0f} h" if age < timedelta(days=2) else f"{age.days} days"
    return f"late: its webhook did not come, and asking found it {found} after its end; it is told for an hour only"
