"""The figures of 30 days: the share of green runs, and their median duration."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from service.db.tables import Transaction
from service.operations.json_shapes import Json
from service.store.runs.month_runs import TrackRuns, runs_since

MONTH = timedelta(days=30)
FRESH_FOR = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Month:
    """The runs of 30 days by track; ``is_cut``: there were more than are read."""

    at: datetime
    runs: Mapping[int, TrackRuns]
    is_cut: bool

    def figures(self, track_ids: Iterable[int]) -> Json:
        """Return the figures of tracks together; null where there was no such run."""
        some = [self.runs[track_id] for track_id in track_ids if track_id in self.runs]
        greens = array("q", (seconds for one in some for seconds in one.greens))
        colored = len(greens) + sum(one.reds for one in some)
        return {
            "runs": sum(one.count for one in some),
            "green_share": round(len(greens) / colored, 4) if colored else None,
            "median_ms": int(median(greens) * 1000) if greens else None,
        }


class MonthCache:
    """The last 30 days, read once a minute: a page must not read every run of them."""

    def __init__(self) -> None:
        self._month: Month | None = None

    def read(self, transaction: Transaction, now: datetime) -> Month:
        """Return the 30 days until now, or until a minute ago at most."""
        month = self._month
        if month is None or not month.at <= now < month.at + FRESH_FOR:
            runs, is_cut = runs_since(transaction, now - MONTH)
            self._month = month = Month(at=now, runs=runs, is_cut=is_cut)
        return month
