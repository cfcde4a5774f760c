"""Usual durations of a workflow, and limits such as ``> 20m``. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

MAX_RUNS = 30
MIN_RUNS = 5
_DURATION = re.compile(r"(>=?|<=?) ?((?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d) ?){1,5})")
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)")
_TIMES = re.compile(r"(>=?|<=?) ?(\d{1,6}(?:\.\d{1,3})?)x")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, kw_only=True)
class UsualDuration:
    """The usual duration of a workflow: median and 95th percentile."""

    median_ms: int
    p95_ms: int
    runs: int


def usual_duration(on_branch: Sequence[int], on_default: Sequence[int] = ()) -> UsualDuration | None:
    """Return the usual duration by the last 30 green runs; None: fewer than five.

    on_branch    in milliseconds, newest first; if there are fewer than five, those of the default branch count
    """
    for durations in (on_branch[:MAX_RUNS], on_default[:MAX_RUNS]):
        if len(durations) >= MIN_RUNS:
            ordered = sorted(durations)
            p95 = ordered[ceil(0.95 * len(ordered)) - 1]
            return UsualDuration(median_ms=round(median(ordered)), p95_ms=p95, runs=len(ordered))
    return None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit of a duration, in milliseconds, or of a multiple of the usual one."""

    sign: str
    value: float

    def fits(self, value: float) -> bool:
        """Return whether a value is beyond the limit."""
        if self.sign.startswith(">"):
            return value > self.value or (value == self.value and "=" in self.sign)
        return value < self.value or (value == self.value and "=" in self.sign)


def parse_duration_limit(written: str) -> Limit | None:
    """Return the limit ``> 20m`` or ``> 1h 30m``; None if it is written otherwise."""
    found = _DURATION.fullmatch(written.strip())
    if found is None:
        return None
    total = sum(float(number) * _UNIT_MS[unit] for number, unit in _PART.findall(found[2]))
    return Limit(sign=found[1], value=total)


def parse_times_limit(written: str) -> Limit | None:
    """Return the limit ``> 1.5x``; None if it is written otherwise."""
    found = _TIMES.fullmatch(written.strip())
    return Limit(sign=found[1], value=float(found[2])) if found else None
