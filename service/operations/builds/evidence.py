"""The evidence of a message's claims on a red run: the runs that each rests on."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from service.db.tables import Transaction
from service.message.status_text import age, clock_time, duration
from service.model import Color, Details, Event, ObservedTest, Run
from service.operations.json_shapes import Json, rfc3339
from service.pipeline.judgment.record_tests import observed_failures
from service.pipeline.judgment.red_facts import (
    JudgedTest,
    default_branches_of,
    judge_tests,
    last_fails,
    runs_until,
    usual_runs,
)
from service.routing.culprits import break_range, culprits, green_since
from service.routing.durations import usual_duration
from service.routing.flakes import TestResult
from service.routing.red_elsewhere import red_elsewhere
from service.store.events import events
from service.store.incidents import sightings
from service.store.runs import runs

MAX_ROWS = 10  # of one claim
MAX_TESTS = 10  # as many as a message names
FAILED, PASSED = "failed", "passed"
COLORS = {Color.RED: "red", Color.GREEN: "green", Color.GREY: "grey"}


class Claim(StrEnum):
    """Claims of a message on a red run that rest on other runs."""

    LIKELY_FLAKY = "likely_flaky"
    NEW = "new"
    FAILING_SINCE = "failing_since"
    CULPRITS = "culprits"
    GREEN_BEFORE = "green_before"
    RED_ELSEWHERE = "red_elsewhere"
    USUAL_DURATION = "usual_duration"


@dataclass(frozen=True, kw_only=True)
class Support:
    """A claim and its runs, newest first.

    words     the claim in words
    results   by run, what the run says: ``failed``, ``passed``, a color; a run may have failed and passed
    test      the name of the test that it is about; None: about the run
    """

    claim: Claim
    words: str
    results: Sequence[tuple[UUID, str]]
    test: str | None = None


def show_evidence(transaction: Transaction, event: Event, details: Details | None) -> list[Json]:
    """Return the claims on an event's run, each with its runs; none unless it is red.

    It is worked out from what is on record now: of a message, what it said is on record with its attempts.
    """
    run_id = runs.id_of(event)
    run = runs.find_all(transaction, {run_id}).get(run_id) if event.run else None
    if run is None or run.color is not Color.RED:
        return []
    observed = list(observed_failures(details or Details()))
    found = [
        *_of_tests(transaction, event, run, observed),
        *_of_track(transaction, event, run),
        *_of_branches(transaction, event, run, observed),
        *_of_durations(transaction, run),
    ]
    known = _known_runs(transaction, {run_id for one in found for run_id, _ in one.results[:MAX_ROWS]})
    return [_shape(one, known) for one in found]


def _of_tests(transaction: Transaction, event: Event, run: Run, observed: Sequence[ObservedTest]) -> Iterator[Support]:
    for one in judge_tests(transaction, event, run, observed[:MAX_TESTS]):
        name = one.failed.test.name or one.failed.test.job
        if one.failed.flaky is not None:
            own = TestResult(at=run.stopped_at, revision=event.revision, failed=True, run_id=run.id)
            results = _contradictions([*one.results, own], run)
            yield Support(
                claim=Claim.LIKELY_FLAKY, words=f"likely flaky: {one.failed.flaky}", results=results, test=name
            )
        if one.failed.is_new:
            lead = "new" if one.failed.flaky is None else "failing again"
            words = f"{lead}: it passed at the last run before this one"
            yield Support(claim=Claim.NEW, words=words, results=_results(one.earlier[-1:]), test=name)
        if one.failed.failing_since is not None:
            yield _failing(one, event, name)


def _failing(one: JudgedTest, event: Event, name: str) -> Support:
    """Return the fails in a row before the run, and the pass before them, if any."""
    fails = last_fails(one.earlier)
    before = one.earlier[: len(one.earlier) - len(fails)][-1:]
    since = clock_time(fails[0].at, event.happened_at)
    words = f"failing since {since}, in {one.failed.failing_runs} runs"
    return Support(claim=Claim.FAILING_SINCE, words=words, results=_results([*before, *fails]), test=name)


def _contradictions(results: Sequence[TestResult], run: Run) -> list[tuple[UUID, str]]:
    """Return the results at the revisions at which a test both failed and passed."""
    by_revision: dict[str, list[TestResult]] = defaultdict(list)
    for one in results:
        if one.revision and one.at <= run.stopped_at:
            by_revision[one.revision].append(one)
    pairs = [some for some in by_revision.values() if len({one.failed for one in some}) > 1]
    return _results(sorted((one for some in pairs for one in some), key=lambda one: one.at))


def _results(oldest_first: Sequence[TestResult]) -> list[tuple[UUID, str]]:
    return [(one.run_id, FAILED if one.failed else PASSED) for one in reversed(oldest_first) if one.run_id]


def _of_track(transaction: Transaction, event: Event, run: Run) -> Iterator[Support]:
    earlier = runs_until(transaction, event, run)
    found = culprits(earlier)
    if found.suspects:
        names = dict.fromkeys(one.author_name or one.author_email or one.revision[:7] for one in found.suspects)
        lead = "changed since the last green run by" if found.has_green else "no green run is on record; changed by"
        in_range = [(one.run_id, COLORS[one.color]) for one in reversed(break_range(earlier)) if one.run_id]
        yield Support(claim=Claim.CULPRITS, words=f"{lead} {', '.join(names)}", results=in_range)
    broke_at = event.run.since if event.run else None
    since = green_since(earlier, broke_at) if broke_at else None
    if since is None or broke_at is None:
        return
    greens = [one for one in earlier if one.color is Color.GREEN and since <= one.stopped_at < broke_at and one.run_id]
    ends = [greens[-1], greens[0]] if len(greens) > 1 else greens
    words = f"green for {age(broke_at - since)} before this, in {len(greens)} run{'' if len(greens) == 1 else 's'}"
    yield Support(claim=Claim.GREEN_BEFORE, words=words, results=[(one.run_id, "green") for one in ends if one.run_id])


def _of_branches(
    transaction: Transaction, event: Event, run: Run, observed: Sequence[ObservedTest]
) -> Iterator[Support]:
    """Yield the runs of other branches with the same failure, until the event came."""
    failures = {(one.test.job, one.fingerprint) for one in observed if one.fingerprint}
    if event.branch is None or not failures:
        return
    until = event.received_at
    causes = {cause for _, cause in failures}
    defaults = default_branches_of(transaction, run)
    seen = sightings.sightings_of(transaction, run, causes, defaults, now=until)
    # a default branch that was green again since then still is what the message rested on
    known = [replace(one, is_newest_default=one.branch in defaults) for one in seen]
    author = event.commit.author_email or event.commit.author_name
    found = red_elsewhere(failures, known, branch=event.branch, author=author, now=until)
    if found is None:
        return
    same = [one for one in known if one.branch == found.branch and one.failure in failures and one.at <= until]
    ids = dict.fromkeys(one.run_id for one in same if one.run_id)
    words = f"the same failure on {found.branch}, last at {clock_time(found.at, event.happened_at)}"
    yield Support(claim=Claim.RED_ELSEWHERE, words=words, results=[(run_id, FAILED) for run_id in ids])


def _of_durations(transaction: Transaction, run: Run) -> Iterator[Support]:
    timed = usual_runs(transaction, run)
    usual = usual_duration([took_ms for _, took_ms in timed])
    if usual is None:
        return
    words = f"usually {duration(usual.median_ms)}: the median of {usual.runs} green runs"
    results = [(run_id, duration(took_ms)) for run_id, took_ms in timed]
    yield Support(claim=Claim.USUAL_DURATION, words=words, results=results)


def _known_runs(transaction: Transaction, run_ids: Collection[UUID]) -> Mapping[UUID, Event]:
    """Return the event of each run that is still on record."""
    found = runs.find_all(transaction, run_ids) if run_ids else {}
    of_ids = events.find_all(transaction, {one.event_id for one in found.values()}) if found else {}
    return {run_id: of_ids[one.event_id] for run_id, one in found.items() if one.event_id in of_ids}


def _shape(one: Support, known: Mapping[UUID, Event]) -> Json:
    rows = [_row(known[run_id], result) for run_id, result in one.results[:MAX_ROWS] if run_id in known]
    return {
        "claim": str(one.claim),
        "test": one.test,
        "words": one.words,
        "runs": rows,
        "more": len(one.results) - len(rows),
    }


def run_name(event: Event) -> str:
    """Return the name of a run by which people know it at CircleCI.

    Such as ``build-and-test #1487``, with ``, rerun 1`` for the second run of its pipeline.
    """
    number = f" #{event.pipeline.number}" if event.pipeline.number is not None else ""
    reruns = event.run.number_in_pipeline - 1 if event.run else 0
    return f"{event.workflow.name or 'a workflow'}{number}{f', rerun {reruns}' if reruns > 0 else ''}"


def _row(event: Event, result: str) -> Json:
    return {
        "event": str(event.id),
        "name": run_name(event),
        "result": result,
        "at": rfc3339(event.happened_at),
        "project": event.project_name,
        "branch": event.branch,
        "workflow": event.workflow.name,
        "pipeline": event.pipeline.number,
        "revision": event.revision,
        "url": event.workflow.url,
    }
