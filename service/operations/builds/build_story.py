"""The story of a build: its effect, its neighbors, its failures and its jobs."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.message.status_text import duration, severity
from service.model import Details, Event, JobReport, Run, TestFailure, Transition
from service.operations.builds import circleci_says
from service.operations.builds.evidence import Claim
from service.operations.json_shapes import Json, rfc3339
from service.pipeline.judgment.record_tests import observed_failures
from service.pipeline.judgment.red_facts import usual_of
from service.routing.fingerprint import fingerprint
from service.store.events import events
from service.store.runs import run_neighbors, runs
from service.text import humanize

BAR_WIDTH = 1000
MIN_BAR = 4
MAX_GREENS = 12
"""The number of jobs that did not fail up to which a page shows them unfolded."""

_SAID_OF_TESTS = {Claim.LIKELY_FLAKY, Claim.NEW, Claim.FAILING_SINCE}


def tell_story(transaction: Transaction, event_id: UUID, evidence: Sequence[Json]) -> Json:
    """Return the words of a build's page beside its records. Raises NotFound.

    headline         what it did to its branch, or how it ended
    usual            the usual duration; None if it is not known
    usual_there      the same as CircleCI counts it, where ours is not known
    before, after    the runs beside it on its track, or None
    pipeline         the runs of its pipeline, itself too
    seen             the last runs before it with a failure of the same text
    marks            by the name of a failed test, the claims about it
    failing          the jobs with failed tests, see ``group_failures``
    failed, others   the jobs, each with its bar, see ``_timeline``
    is_folded        whether there are too many others to show at once
    """
    event, details = events.find(transaction, event_id), events.find_details(transaction, event_id) or Details()
    jobs, run_id = details.jobs or (), runs.id_of(event)
    run = runs.find_all(transaction, {run_id}).get(run_id) if event.run else None
    return {
        "headline": headline(event),
        **_neighbors(transaction, event, run, details),
        "marks": marks_of(evidence),
        "failing": [(job.name, group_failures(job.tests.failures)) for job in jobs if job.tests],
        **_timeline(jobs),
    }


def headline(event: Event) -> str:
    """Return what a run did to its branch, else how the event ended."""
    run = event.run
    match run.transition if run else None:
        case Transition.STILL_BROKEN if run:
            return f"still red, {run.streak} in a row"
        case Transition.BROKE | Transition.FIXED | Transition.PASSED as did:
            return str(did)
        case _:
            return humanize(event.status or "ended")


def _neighbors(transaction: Transaction, event: Event, run: Run | None, details: Details) -> Json:
    if run is None:
        return {"usual": None, "usual_there": None, "before": None, "after": None, "pipeline": [], "seen": []}
    before, after = run_neighbors.before_and_after(transaction, run) if event.branch is not None else (None, None)
    same = {one.fingerprint for one in observed_failures(details) if one.fingerprint}
    seen, beside = run_neighbors.with_failures(transaction, run, same), run_neighbors.of_pipeline(transaction, event)
    rows = _rows(transaction, [one for one in (before, after, *seen, *beside) if one])
    usual = usual_of(transaction, run)
    theirs = None if usual else circleci_says.usual_of(transaction, event.project.slug, event.workflow.name)
    return {
        "usual": duration(usual.median_ms) if usual else None,
        "usual_there": duration(int(theirs * 1000)) if theirs else None,
        "before": rows.get(before.id) if before else None,
        "after": rows.get(after.id) if after else None,
        "pipeline": [rows[one.id] for one in beside if one.id in rows],
        "seen": [rows[one.id] for one in seen if one.id in rows],
    }


def _rows(transaction: Transaction, found: Sequence[Run]) -> dict[UUID, Json]:
    """Return the rows of runs whose event is still on record, by their ids."""
    told = events.find_all(transaction, {run.event_id for run in found}) if found else {}
    return {run.id: _row(run, told[run.event_id]) for run in found if run.event_id in told}


def _row(run: Run, event: Event) -> Json:
    return {
        "run": str(run.id),
        "workflow": event.workflow.name,
        "status": event.status,
        "headline": headline(event),
        "project": event.project_name,
        "branch": event.branch,
        "pipeline": event.pipeline.number,
        "number_in_pipeline": run.number_in_pipeline,
        "at": rfc3339(event.happened_at),
    }


def marks_of(evidence: Iterable[Json]) -> dict[str, list[str]]:
    """Return by the name of a test the claims about it: flaky, new, failing since."""
    marks: dict[str, list[str]] = {}
    for claim in evidence:
        if claim["test"] and claim["claim"] in _SAID_OF_TESTS:
            marks.setdefault(claim["test"], []).append(claim["words"])
    return marks


def group_failures(failures: Iterable[TestFailure]) -> list[Json]:
    """Return failures of a job, those whose messages are alike as one.

    message   that of the first; times, ids, addresses and the like are not compared
    tests     each with ``name`` and ``place``
    """
    groups: dict[object, Json] = {}
    for number, failure in enumerate(failures):
        group = groups.setdefault(fingerprint(failure.message) or number, {"message": failure.message, "tests": []})
        group["tests"].append({"name": failure.name, "place": failure.file or failure.class_name})
    return list(groups.values())


def _timeline(jobs: Sequence[JobReport]) -> Json:
    """Return the jobs by the time when they began, failed ones apart.

    A row has ``bar``, its begin and width of BAR_WIDTH, where it is known when the job ran.
    """
    begins = [job.started_at for job in jobs if job.started_at]
    first = min(begins, default=None)
    total = max((_end_ms(job, first) for job in jobs if first and job.started_at), default=0)
    ordered = sorted(jobs, key=lambda job: (job.started_at is None, job.started_at and job.started_at.timestamp()))
    rows = [_job_row(job, first, total) for job in ordered]
    failed = [row for row in rows if severity(row["status"]) == "failure"]
    return {"failed": failed, "others": _without(rows, failed), "is_folded": len(rows) - len(failed) > MAX_GREENS}


def _without(rows: Sequence[Json], left_out: Collection[Json]) -> list[Json]:
    return [row for row in rows if row not in left_out]


def _end_ms(job: JobReport, first: datetime) -> float:
    begin = job.started_at or first
    return (begin - first).total_seconds() * 1_000 + (job.duration_ms or 0)


def _job_row(job: JobReport, first: datetime | None, total: float) -> Json:
    bar = None
    if first and job.started_at and total > 0:
        began = _end_ms(job, first) - (job.duration_ms or 0)
        width = max(MIN_BAR, round(BAR_WIDTH * (job.duration_ms or 0) / total))
        bar = {"x": min(round(BAR_WIDTH * began / total), BAR_WIDTH - width), "width": width}
    return {
        "name": job.name,
        "status": job.status,
        "url": job.url,
        "duration_ms": job.duration_ms,
        "messages": list(job.messages),
        "needs": list(job.needs),
        "bar": bar,
    }
