"""The figures of default branches: the last seven days beside the seven before."""

from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from service.db.tables import Transaction
from service.model import TestCoverage
from service.operations.json_shapes import Json, coverage_json
from service.store.incidents import red_rows
from service.store.runs.month_runs import TrackRuns, runs_of_weeks

WEEK = timedelta(days=7)
FRESH_FOR = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """The runs of the last two weeks by track, and what is known of tests.

    flaked    the number of tests that passed and failed at one revision, by project
    is_cut    there were more runs than are read
    """

    at: datetime
    before: Mapping[int, TrackRuns]
    last: Mapping[int, TrackRuns]
    coverage: Mapping[int, TestCoverage]
    flaked: Mapping[str, int]
    is_cut: bool


class WeeksCache:
    """The last weeks, read once a minute: a page must not read every run of them."""

    def __init__(self) -> None:
        self._weeks: Weeks | None = None

    def read(self, transaction: Transaction, now: datetime) -> Weeks:
        """Return the weeks until now, or until a minute ago at most."""
        weeks = self._weeks
        if weeks is None or not weeks.at <= now < weeks.at + FRESH_FOR:
            self._weeks = weeks = _read_weeks(transaction, now)
        return weeks


def _read_weeks(transaction: Transaction, now: datetime) -> Weeks:
    since = now - 2 * WEEK
    before, last, is_cut = runs_of_weeks(transaction, since=since, middle=now - WEEK)
    return Weeks(
        at=now,
        before=before,
        last=last,
        coverage=red_rows.coverage_by_track(transaction, since=since),
        flaked=red_rows.flaked_tests(transaction, since=since),
        is_cut=is_cut,
    )


def figures_json(weeks: Weeks, track_ids: Collection[int], slugs: Collection[str]) -> Json:
    """Return the figures of some tracks and projects.

    Shares and medians are null where there was no run.
    """
    known = [weeks.coverage[track_id] for track_id in track_ids if track_id in weeks.coverage]
    coverage = TestCoverage(known=sum(one.known for one in known), red_runs=sum(one.red_runs for one in known))
    return {
        "last_week": _week_json(weeks.last[one] for one in track_ids if one in weeks.last),
        "week_before": _week_json(weeks.before[one] for one in track_ids if one in weeks.before),
        "flaked_tests": sum(weeks.flaked.get(slug, 0) for slug in slugs),
        "coverage": coverage_json(coverage),
        "is_partial": weeks.is_cut,
    }


def _week_json(tracks: Iterable[TrackRuns]) -> Json:
    greens, colored, count = array("q"), 0, 0
    for one in tracks:
        greens += one.greens
        colored += len(one.greens) + one.reds
        count += one.count
    return {
        "runs": count,
        "green_share": round(len(greens) / colored, 4) if colored else None,
        "median_ms": int(median(greens) * 1000) if greens else None,
    }
