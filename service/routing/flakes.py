"""Flaky tests: contradictions, flip rates, and the doubt about one red. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from math import sqrt
from operator import attrgetter
from uuid import UUID

from service.text import percent

CONTRADICTION_AGE = timedelta(days=14)
CONTRADICTION_RUNS = 100
BROKEN_STRETCH = 3
MIN_FLIP_RUNS = 10
FLIP_RATE_IN = 0.10
FLIP_RATE_OUT = 0.02
RATE_AGE = timedelta(days=90)
RESULTS_AGE = timedelta(days=400)  # a contradiction counts until 100 runs have passed, however long that takes
RATE_RUNS = 500
RATE_FAILS = 2
RATE_BOUND = 0.01
WILSON_Z = 1.2816
MIN_BREAK_RATE = 0.001
LIKELY = 0.5
GUARDED_SHARE = 0.8
GUARDED_TESTS = 5


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[int, datetime, UUID]
"""A run's place in its order: the number of its pipeline, its end, its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """One result of a test, or of a job, in one run.

    place    the order of the runs: the older is the smaller
    run_id   the run, for those who show the result
    """

    at: datetime
    revision: str | None
    failed: bool
    is_default_branch: bool = False
    place: Place = (0, EPOCH, UUID(int=0))
    run_id: UUID | None = None

    __test__ = False


@dataclass(frozen=True, kw_only=True)
class Flakiness:
    """Facts on how flaky a test is, by its earlier results.

    runs, contradicted   in the last 90 days, at most 500 runs; the fails that a pass at the same revision contradicted
    rate                 the mean of the rate at which it flakes
    flip_rate            on the default branch; None: too few runs
    is_flaky             by a contradiction, or by the rate
    is_listed            it is on the list of flaky tests: it is flaky, or flips often
    evidence             a sentence's end; empty if no fail was contradicted
    """

    runs: int
    fails: int
    contradicted: int
    rate: float
    flip_rate: float | None
    is_flaky: bool
    is_listed: bool
    evidence: str

    @property
    def order(self) -> tuple[float, float]:
        """Return the place in the list of flaky tests: by flip rate, then by rate."""
        return -(self.flip_rate or 0.0), -self.rate

    @property
    def flips(self) -> str:
        """Return the flip rate as a sentence's end; empty if it is not known, or none."""
        if not self.flip_rate:
            return ""
        return f"{percent(self.flip_rate)} of its runs on the default branch failed after a pass"


def contradictions(results: Iterable[TestResult]) -> list[datetime]:
    """Return the time of each revision's first contradiction, oldest first (rule A).

    At such a revision it both passed and failed; the time is that of the result that made it so.
    """
    first: dict[bool, dict[str, datetime]] = {True: {}, False: {}}
    for result in results:
        if result.revision:
            times = first[result.failed]
            known = times.get(result.revision)
            if known is None or result.at < known:
                times[result.revision] = result.at
    failed, passed = first[True], first[False]
    return sorted(max(failed[one], passed[one]) for one in failed.keys() & passed.keys())


def is_contradicted(results: Sequence[TestResult], now: datetime) -> bool:
    """Return whether a test is flaky by rule A.

    It is from its first contradiction on, until 14 days and 100 runs have passed without another.
    """
    known = sorted((one for one in results if one.at <= now), key=attrgetter("at"))
    return _is_contradicted(known, {one.revision for one in known if not one.failed and one.revision}, now)


def _is_contradicted(known: Sequence[TestResult], passed_at: Collection[str | None], now: datetime) -> bool:
    """Return whether results until now, oldest first, contradict each other.

    passed_at   the revisions at which the test passed
    """
    both = {one.revision for one in known if one.failed and one.revision in passed_at}
    if not both:
        return False
    last = contradictions(one for one in known if one.revision in both)[-1]
    runs_since = len(known) - bisect_right(known, last, key=attrgetter("at"))
    return now - last <= CONTRADICTION_AGE or runs_since < CONTRADICTION_RUNS


def flip_rate(failed: Iterable[bool]) -> tuple[float, int]:
    """Return the flip rate and the number of runs considered (rule B).

    failed   of the runs of the default branch, oldest first

    Stretches of three or more fails are skipped: there it was broken, not flaky.
    """
    considered = list(_without_broken(failed))
    flips = sum(now and not before for before, now in pairwise(considered))
    return (flips / len(considered) if considered else 0.0), len(considered)


def _without_broken(failed: Iterable[bool]) -> Iterator[bool]:
    for is_failed, group in groupby(failed):
        stretch = list(group)
        if not is_failed or len(stretch) < BROKEN_STRETCH:
            yield from stretch


def flips_often(rate: float, runs: int, *, before: bool) -> bool:
    """Return whether a test is on the list of flaky ones by its flip rate.

    before   it was on the list: it leaves at a lower rate than it enters
    """
    if before:
        return rate > FLIP_RATE_OUT
    return runs >= MIN_FLIP_RUNS and rate >= FLIP_RATE_IN


def is_listed_by_flips(failed: Iterable[bool]) -> bool:
    """Return whether a test is on the list by its flips, after run upon run.

    failed   of the runs of the default branch, oldest first
    """
    is_listed, flips, runs, stretch = False, 0, 0, 0
    was_flip = False  # of the stretch of fails that goes on
    for is_failed in failed:
        stretch = stretch + 1 if is_failed else 0
        if stretch == 1:
            was_flip = runs > 0  # what stands before a stretch is a pass
        if stretch < BROKEN_STRETCH:
            runs, flips = runs + 1, flips + (stretch == 1 and was_flip)
        elif stretch == BROKEN_STRETCH:  # it was broken: its first fails do not count either
            runs, flips = runs - (BROKEN_STRETCH - 1), flips - was_flip
        is_listed = flips_often(flips / runs if runs else 0.0, runs, before=is_listed)
    return is_listed


def flake_rate(runs: int, contradicted: int) -> float:
    """Return the mean of the rate at which a test flakes (rule D)."""
    return (0.5 + contradicted) / (50 + runs)


def wilson_lower_bound(part: int, whole: int) -> float:
    """Return the one-sided lower bound of a share, by Wilson's score."""
    if whole <= 0:
        return 0.0
    share, squared = part / whole, WILSON_Z**2
    center = share + squared / (2 * whole)
    spread = WILSON_Z * sqrt(share * (1 - share) / whole + squared / (4 * whole**2))
    return max(0.0, (center - spread) / (1 + squared / whole))


def flakes_by_rate(runs: int, contradicted: int) -> bool:
    """Return whether a test is flaky by rule D."""
    return contradicted >= RATE_FAILS and wilson_lower_bound(contradicted, runs) > RATE_BOUND


def chance_of_flake(rate: float, break_rate: float, fails_in_a_row: int) -> float:
    """Return the chance that a red is a flake (rule E).

    break_rate   stretches of red that ended with another revision, for each run
    """
    flake = rate ** max(1, fails_in_a_row)
    return flake / (flake + max(break_rate, MIN_BREAK_RATE))


def break_rate(results: Sequence[TestResult]) -> float:
    """Return the stretches of red that ended with another revision, for each run."""
    ordered = sorted(results, key=attrgetter("place"))
    pairs = pairwise(ordered)
    breaks = sum(before.failed and not after.failed and before.revision != after.revision for before, after in pairs)
    return breaks / len(ordered) if ordered else 0.0


def judge_flakiness(results: Iterable[TestResult], now: datetime) -> Flakiness:
    """Return how flaky a test is by its results until now."""
    return judge_in_order(sorted(results, key=attrgetter("at", "place")), now)


def judge_in_order(results: Sequence[TestResult], now: datetime) -> Flakiness:
    """Return how flaky a test is by results in the order of their times and places.

    Most tests seldom fail: what is asked of each result is asked of all at once, and the rest of the fails alone.
    """
    known = results[: bisect_right(results, now, key=attrgetter("at"))]
    begin = bisect_left(known, now - RATE_AGE, key=attrgetter("at"))
    recent = known[max(begin, len(known) - RATE_RUNS) :]
    passed_at = {one.revision for one in known if not one.failed and one.revision}
    fails = [one for one in recent if one.failed]
    contradicted = sum(one.revision in passed_at for one in fails)
    flips, is_listed_by_flips = _flips([one for one in known if one.is_default_branch])
    is_flaky = _is_contradicted(known, passed_at, now) or flakes_by_rate(len(recent), contradicted)
    return Flakiness(
        runs=len(recent),
        fails=len(fails),
        contradicted=contradicted,
        rate=flake_rate(len(recent), contradicted),
        flip_rate=flips,
        is_flaky=is_flaky,
        is_listed=is_flaky or is_listed_by_flips,
        evidence=_evidence(fails, contradicted),
    )


def _flips(on_default: Sequence[TestResult]) -> tuple[float | None, bool]:
    """Return the flip rate, None of too few runs, and whether a test is listed by it."""
    if not any(one.failed for one in on_default):
        return (0.0 if len(on_default) >= MIN_FLIP_RUNS else None), False
    failed = [one.failed for one in sorted(on_default, key=attrgetter("place"))]
    rate, runs = flip_rate(failed)
    return (rate if runs >= MIN_FLIP_RUNS else None), is_listed_by_flips(failed)


def _evidence(fails: Sequence[TestResult], contradicted: int) -> str:
    if not contradicted:
        return ""
    if len(fails) == 1:
        return "its last fail was contradicted at the same commit"
    was = "was" if contradicted == 1 else "were"
    return f"{contradicted} of its last {len(fails)} fails {was} contradicted at the same commit"


def guard_remark(failed: int, total: int) -> str | None:
    """Return the fact that keeps tests from learning from a run (rule C).

    None: they learn from it.
    """
    if failed >= GUARDED_TESTS and failed > GUARDED_SHARE * total:
        return f"{failed} of {total} tests failed"
    return None
