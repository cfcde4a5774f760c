"""The figures of default branches: the last seven days beside the seven before."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from service.db.tables import Transaction
from service.model import Color, TestCoverage
from service.operations.json_shapes import Json, coverage_json
from service.store import default_tracks, red_rows
from service.store.default_tracks import MAX_RUNS_OF_WEEKS, WeekRun

WEEK = timedelta(days=7)
FRESH_FOR = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """The runs of two weeks by track, and what is known of tests.

    flaked    the number of tests that passed and failed at one revision, by project
    is_cut    there were more runs than are read
    """

    at: datetime
    runs: Mapping[int, Sequence[WeekRun]]
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
    runs: dict[int, list[WeekRun]] = defaultdict(list)
    found = default_tracks.runs_of_weeks(transaction, since=since, middle=now - WEEK)
    for run in found:
        runs[run.track_id].append(run)
    return Weeks(
        at=now,
        runs=runs,
        coverage=red_rows.coverage_by_track(transaction, since=since),
        flaked=red_rows.flaked_tests(transaction, since=since),
        is_cut=len(found) == MAX_RUNS_OF_WEEKS,
    )


def figures_json(weeks: Weeks, track_ids: Collection[int], slugs: Collection[str]) -> Json:
    """Return the figures of some tracks and projects.

    Shares and medians are null where there was no run.
    """
    runs = [run for track_id in track_ids for run in weeks.runs.get(track_id, ())]
    known = [weeks.coverage[track_id] for track_id in track_ids if track_id in weeks.coverage]
    coverage = TestCoverage(known=sum(one.known for one in known), red_runs=sum(one.red_runs for one in known))
    return {
        "last_week": _week_json([run for run in runs if not run.is_before]),
        "week_before": _week_json([run for run in runs if run.is_before]),
        "flaked_tests": sum(weeks.flaked.get(slug, 0) for slug in slugs),
        "coverage": coverage_json(coverage),
        "is_partial": weeks.is_cut,
    }


def _week_json(runs: Sequence[WeekRun]) -> Json:
    greens = [run.seconds for run in runs if run.color == Color.GREEN]
    colored = sum(run.color != Color.GREY for run in runs)
    return {
        "runs": len(runs),
        "green_share": round(len(greens) / colored, 4) if colored else None,
        "median_ms": int(median(greens) * 1000) if greens else None,
    }
