"""Whether people are reminded of an incident, and for which time. Pure."""

from datetime import datetime, timedelta

from service.model import Incident

NOT_OPEN, TAKEN, MUTED = "it is no longer red", "a person has taken it", "its incident is muted"


def why_silent(incident: Incident, now: datetime) -> str | None:
    """Return the reason why no one is reminded of an incident now; None if they are.

    A taker has it until the time that was said, and after that people are reminded again.
    """
    if not incident.is_open:
        return NOT_OPEN
    taken = incident.taken
    if taken is not None and (taken.until is None or taken.until > now):
        return TAKEN
    return MUTED if incident.is_muted(now) else None


def number_due(told_at: datetime, every_s: int, now: datetime) -> int:
    """Return the number of the reminder that is due; 0 before the first.

    told_at   the time when the channel was told that it broke
    """
    return max(0, (now - told_at) // timedelta(seconds=every_s))
