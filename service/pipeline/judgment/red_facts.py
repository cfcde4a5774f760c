"""The facts of a red run: its tests, its culprits, and whether others are red too."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from service.db.tables import Transaction
from service.model import (
    Color,
    Culprits,
    Details,
    Event,
    FailedTest,
    ObservedTest,
    RedElsewhere,
    RedFacts,
    Run,
    Track,
    default_branches,
)
from service.pipeline.judgment.record_tests import observed_failures, run_remark
from service.routing.culprits import RevisionRun, culprits, green_since
from service.routing.durations import MIN_RUNS, UsualDuration, usual_duration
from service.routing.flakes import (
    LIKELY,
    RATE_AGE,
    RESULTS_AGE,
    Flakiness,
    Place,
    TestResult,
    break_rate,
    chance_of_flake,
    judge_flakiness,
)
from service.routing.red_elsewhere import red_elsewhere
from service.store.incidents import sightings
from service.store.rows import Row
from service.store.runs import run_history, runs, tracks
from service.store.test_history import test_results
from service.store.test_history.test_coverage import coverage_of_project


@dataclass(frozen=True, kw_only=True)
class JudgedTest:
    """A failed test of a run, beside its results in earlier runs.

    is_likely_flake   it is flaky, and not more fails in a row than its rate explains
    is_known          it has earlier results on its track
    results           its results in other runs; ``earlier`` are those before on its track, oldest first
    """

    failed: FailedTest
    flakiness: Flakiness
    is_likely_flake: bool
    is_known: bool
    results: Sequence[TestResult] = ()
    earlier: Sequence[TestResult] = ()


def red_facts(transaction: Transaction, event: Event, details: Details | None, now: datetime) -> RedFacts:
    """Return the facts of a red run; those of a run not yet judged are unknown."""
    run = _run_of(transaction, event)
    if run is None or run.color is not Color.RED:
        return RedFacts()
    known = details or Details()
    observed = list(observed_failures(known))
    usual = usual_of(transaction, run)
    earlier = runs_until(transaction, event, run)
    tests = tuple(one.failed for one in judge_tests(transaction, event, run, observed) if one.failed.test.name)
    claims_flakes, since = any(test.flaky for test in tests), run.stopped_at - RATE_AGE
    return RedFacts(
        tests=tests,
        coverage=coverage_of_project(transaction, run, since=since) if claims_flakes else None,
        remark=run_remark(known),
        red_elsewhere=_red_elsewhere(transaction, event, run, observed, now=now),
        culprits=_culprits(event, earlier),
        green_since=green_since(earlier, event.run.since) if event.run and event.run.since else None,
        usual_ms=usual.median_ms if usual else None,
    )


def _run_of(transaction: Transaction, event: Event) -> Run | None:
    run_id = runs.id_of(event)
    return runs.find_all(transaction, {run_id}).get(run_id)


def usual_of(transaction: Transaction, run: Run) -> UsualDuration | None:
    """Return the usual duration of a run's workflow on its branch, or the default one.

    It is from begin to end, with all waiting: for those who wait for it.
    """
    return usual_duration([took_ms for _, took_ms in usual_runs(transaction, run)])


def usual_run_time(transaction: Transaction, run: Run) -> UsualDuration | None:
    """Return the usual time that it runs, without its time in the queue.

    It is that of the runs of which this is known.
    """
    found = usual_runs(transaction, run, without_queue=True)
    return usual_duration([took_ms for _, took_ms in found])


def usual_runs(transaction: Transaction, run: Run, *, without_queue: bool = False) -> list[tuple[UUID, int]]:
    """Return the green runs of the usual duration, newest first, with their times.

    None if there are too few on its branch and on the default one.
    """
    read = run_history.run_times if without_queue else run_history.timed_greens
    own = read(transaction, run.track_id, before=run)
    if len(own) >= MIN_RUNS:
        return own
    track = _track_of(transaction, run)
    for track_id in run_history.sibling_tracks(transaction, track, track.default_branches) if track else ():
        if len(found := read(transaction, track_id, before=run)) >= MIN_RUNS:
            return found
    return []


def default_branches_of(transaction: Transaction, run: Run) -> tuple[str, ...]:
    """Return the default branch of a run's project, or the usual ones."""
    track = _track_of(transaction, run)
    return track.default_branches if track else default_branches(None, None)


def _track_of(transaction: Transaction, run: Run) -> Track | None:
    stored = tracks.find_all(transaction, [run.track_id]).get(run.track_id)
    return stored.track if stored else None


def culprits_of(transaction: Transaction, event: Event, run: Run) -> Culprits:
    """Return the revisions in which the run's track broke."""
    return _culprits(event, runs_until(transaction, event, run))


def _culprits(event: Event, earlier: Sequence[RevisionRun]) -> Culprits:
    return culprits(earlier, commit_url=event.commit.url, slug=event.project.slug)


def runs_until(transaction: Transaction, event: Event, run: Run) -> list[RevisionRun]:
    """Return the last runs of a run's track until it; none for one without a track."""
    if run.pipeline_number is None or event.branch is None:
        return []
    return run_history.until(transaction, run)


def judge_tests(
    transaction: Transaction, event: Event, run: Run, observed: Sequence[ObservedTest]
) -> Iterator[JudgedTest]:
    """Yield the failed tests of a run, each beside its earlier results.

    A green run of the workflow counts as a pass of its tests.
    """
    if not observed:
        return
    project = test_results.project_of(event)
    ids = test_results.find_ids(transaction, {test_results.digest_of(project, one.test) for one in observed})
    since = run.stopped_at - RESULTS_AGE
    rows = test_results.results_of(transaction, ids.values(), since=since)
    track_ids = {run.track_id, *(row["track_id"] for some in rows.values() for row in some)}
    greens: Mapping[int, list[TestResult]] = defaultdict(list)  # made once for all tests of the run
    for row in run_history.greens_of(transaction, track_ids, since=since):
        greens[row["track_id"]].append(_result(row["id"], row, row["stopped_at"], failed=False))
    for one in observed:
        test_id = ids.get(test_results.digest_of(project, one.test))
        own = rows.get(test_id, []) if test_id is not None else []
        yield _judge(one, event, run, rows=own, greens=greens)


def _judge(
    one: ObservedTest, event: Event, run: Run, *, rows: Sequence[Row], greens: Mapping[int, Sequence[TestResult]]
) -> JudgedTest:
    results = _results_by_track(run, rows, greens)
    own = TestResult(
        at=run.stopped_at, revision=event.revision, failed=True, is_default_branch=event.is_of_default_branch
    )
    every = [result for some in results.values() for result in some]
    flakiness = judge_flakiness([*every, own], run.stopped_at)
    place = _place(run)
    earlier = sorted(
        (result for result in results[run.track_id] if event.branch and result.place < place), key=attrgetter("place")
    )
    row_of_fails = last_fails(earlier)
    rate = break_rate(earlier)
    is_likely = flakiness.is_flaky and chance_of_flake(flakiness.rate, rate, len(row_of_fails) + 1) >= LIKELY
    was_green = bool(earlier) and not earlier[-1].failed
    return JudgedTest(
        failed=FailedTest(
            test=one.test,
            is_new=was_green,
            failing_since=row_of_fails[0].at if row_of_fails else None,
            failing_runs=len(row_of_fails) + 1,
            flaky=flakiness.evidence if is_likely and flakiness.evidence else None,
        ),
        flakiness=flakiness,
        is_likely_flake=is_likely,
        is_known=bool(earlier),
        results=every,
        earlier=earlier,
    )


def _results_by_track(
    run: Run, rows: Sequence[Row], greens: Mapping[int, Sequence[TestResult]]
) -> dict[int, list[TestResult]]:
    """Return the results of a test in other runs, by track.

    Those of the run's own track are among them. A green run of a track on which it has results counts as a pass.
    """
    recorded = {row["run_id"] for row in rows}
    by_track: dict[int, list[TestResult]] = {run.track_id: []}
    for row in rows:
        if row["run_id"] != run.id:
            result = _result(row["run_id"], row, row["at"], failed=row["failed"])
            by_track.setdefault(row["track_id"], []).append(result)
    for track_id, some in by_track.items():
        some += [green for green in greens.get(track_id, ()) if green.run_id not in recorded]
    return by_track


def _result(run_id: UUID, row: Row, at: datetime, *, failed: bool) -> TestResult:
    place = (row["pipeline_number"] or 0, at, run_id)
    return TestResult(at=at, revision=row["revision"], failed=failed, place=place, run_id=run_id)


def _place(run: Run) -> Place:
    return (run.pipeline_number or 0, run.stopped_at, run.id)


def last_fails(earlier: Sequence[TestResult]) -> list[TestResult]:
    """Return the fails at the end of earlier results, oldest first."""
    fails: list[TestResult] = []
    for result in reversed(earlier):
        if not result.failed:
            break
        fails.append(result)
    return fails[::-1]


def _red_elsewhere(
    transaction: Transaction, event: Event, run: Run, observed: Collection[ObservedTest], *, now: datetime
) -> RedElsewhere | None:
    failures = {(one.test.job, one.fingerprint) for one in observed if one.fingerprint}
    if event.branch is None or not failures:
        return None
    defaults = default_branches_of(transaction, run)
    seen = sightings.sightings_of(transaction, run, {cause for _, cause in failures}, defaults, now=now)
    author = event.commit.author_email or event.commit.author_name
    found = red_elsewhere(failures, seen, branch=event.branch, author=author, now=now)
    return RedElsewhere(branch=found.branch, since=found.since) if found else None
