"""Whether people are reminded of an incident, and for which time. Pure."""

from datetime import datetime, timedelta

from service.model import Incident

NOT_OPEN, TAKEN, MUTED = "it is no longer red", "a person has taken it", "its incident is muted"


def why_silent(incident: Incident, now: datetime) -> str | None:
    """Return the reason why no one is reminded of an incident now; None if they are.

    A taker has it until the time that was said, or until it fails in another way: then people are reminded again.
    """
    if not incident.is_open:
        return NOT_OPEN
    if incident.taken is not None and has_it(incident, now):
        return TAKEN
    return MUTED if incident.is_muted(now) else None


def has_it(incident: Incident, now: datetime) -> bool:
    """Return whether the person who took an incident still answers for it."""
    taken = incident.taken
    if taken is None or (taken.until is not None and taken.until <= now):
        return False
    return taken.fingerprint is None or incident.fingerprint in {taken.fingerprint, None}


def number_due(told_at: datetime, every_s: int, now: datetime) -> int:
    """Return the number of the reminder that is due; 0 before the first.

    told_at   the time when the channel was told that it broke
    """
    return max(0, (now - told_at) // timedelta(seconds=every_s))
