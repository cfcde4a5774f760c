"""Shared causes: incidents of many projects that open at once. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

WITHIN = timedelta(minutes=30)
MIN_PROJECTS = 3


@dataclass(frozen=True, kw_only=True)
class OpenedIncident:
    """An open incident, with what may connect it to others.

    is_guarded   its tests learn nothing from it: nearly all failed, or a job timed out
    """

    id: UUID
    project: str
    opened_at: datetime
    fingerprint: str | None = None
    is_guarded: bool = False


@dataclass(frozen=True, kw_only=True)
class SharedCause:
    """Incidents of one cause, which is none of theirs."""

    incidents: tuple[OpenedIncident, ...]

    @property
    def sentence(self) -> str:
        """Return the news in one line."""
        projects = len({one.project for one in self.incidents})
        return f"CircleCI or the network seems to be in trouble: {len(self.incidents)} workflows of {projects} projects"


def shared_cause(opened: Iterable[OpenedIncident], now: datetime) -> SharedCause | None:
    """Return the largest group of incidents with a shared cause, if any.

    They opened within 30 minutes, in three projects or more, with one fingerprint, or all without one to learn from.
    """
    groups: dict[str | None, list[OpenedIncident]] = defaultdict(list)
    for one in opened:
        if timedelta() <= now - one.opened_at <= WITHIN:
            if one.fingerprint:
                groups[one.fingerprint].append(one)
            if one.is_guarded:
                groups[None].append(one)
    found = [group for group in groups.values() if len({one.project for one in group}) >= MIN_PROJECTS]
    largest = max(found, key=lambda group: (len(group), min(str(one.id) for one in group)), default=None)
    if largest is None:
        return None
    return SharedCause(incidents=tuple(sorted(largest, key=lambda one: (one.opened_at, str(one.id)))))
