"""Shared causes: incidents of many projects that open at once. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
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


def shared_cause(opened: Iterable[OpenedIncident], at: datetime) -> SharedCause | None:
    """Return the largest group of incidents with a shared cause, if any.

    They opened within 30 minutes, in three projects or more, with one fingerprint, or all without one to learn from.
    All times are CircleCI's: our clock has no part in it.

    at   when the incident opened whose cause is wanted: the half hour holds it
    """
    groups: dict[str | None, list[OpenedIncident]] = defaultdict(list)
    for one in opened:
        if one.fingerprint:
            groups[one.fingerprint].append(one)
        if one.is_guarded:
            groups[None].append(one)
    found = filter(None, (_largest_half_hour(group, at) for group in groups.values()))
    largest = max(found, key=lambda group: (len(group), min(str(one.id) for one in group)), default=None)
    return SharedCause(incidents=tuple(largest)) if largest else None


def _largest_half_hour(group: Iterable[OpenedIncident], at: datetime) -> Sequence[OpenedIncident]:
    """Return the most incidents of three projects that opened within a half hour.

    at   the half hour holds it; empty if none does
    """
    ordered = sorted(group, key=lambda one: (one.opened_at, str(one.id)))
    projects: Counter[str] = Counter()
    begin, largest = 0, (0, 0)
    for end, one in enumerate(ordered, start=1):
        projects[one.project] += 1
        while one.opened_at - ordered[begin].opened_at > WITHIN:
            projects[ordered[begin].project] -= 1
            begin += 1
        is_around = timedelta() <= at - ordered[begin].opened_at <= WITHIN
        if is_around and len(+projects) >= MIN_PROJECTS and end - begin > largest[1] - largest[0]:
            largest = (begin, end)
    return ordered[slice(*largest)]
