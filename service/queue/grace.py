"""The time that running jobs get to end when the process does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Grace:
    """Seconds for which running jobs may go on after ``stop``.

    by_kind   for jobs of these kinds; a job should not be cut off before its own time limit
    others_s  for all other jobs, and for periodic work
    """

    by_kind: Mapping[str, float] = field(default_factory=dict)
    others_s: float = DEFAULT_S

    def of(self, kind: str) -> float:
        """Return the seconds for a kind of job."""
        return self.by_kind.get(kind, self.others_s)
