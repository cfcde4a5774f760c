"""Record the test results of a run, once CircleCI has told them."""

from collections import Counter
from collections.abc import Iterator

from service.db.tables import Transaction
from service.model import Color, Details, Event, IncidentClass, JobReport, ObservedTest, Run, TestIdentity
from service.routing.fingerprint import fingerprint
from service.routing.flakes import guard_remark
from service.routing.infrastructure import is_infrastructure
from service.routing.test_identity import base_job_name, identify
from service.store.incidents import incidents
from service.store.runs import runs
from service.store.test_history import test_results

MAX_SECONDS = 1e6
PASSED_JOBS = frozenset({"success"})
FAILED_JOBS = frozenset({"failed", "timedout", "infrastructure_fail"})


def record_tests(transaction: Transaction, event: Event, details: Details) -> None:
    """Record the failures of an event's run, and their fingerprint at its incident.

    Tests learn nothing from a run that timed out, or of whose tests nearly all failed. A run that is not judged yet
    has no track: its workflow's event records it.
    """
    run, observed = record_cause(transaction, event, details), list(observed_failures(details))
    if run is not None and run_remark(details) is None:
        test_results.record(transaction, event, run, [*observed, *_observed_passes(details)])


def record_cause(transaction: Transaction, event: Event, details: Details) -> Run | None:
    """Record the cause of an event's red run at its incident: class and fingerprint.

    Returns the run; None if it is not judged yet, or CircleCI said nothing of its jobs.
    """
    if details.jobs is None:
        return None
    run = runs.find_all(transaction, {runs.id_of(event)}).get(runs.id_of(event))
    if run is None:
        return None
    if run.incident_id and run.color is Color.RED:
        klass = IncidentClass.INFRASTRUCTURE if is_infrastructure(details) else None
        incidents.put_rule_class(transaction, run.incident_id, run.id, klass)
    if run.incident_id and (cause := common_fingerprint(list(observed_failures(details)))):
        incidents.put_fingerprint(transaction, run.incident_id, run.id, cause)
    return run


def run_remark(details: Details) -> str | None:
    """Return the fact for which tests learn nothing from a run; None if they do."""
    jobs = details.jobs or ()
    if late := next((job for job in jobs if job.status == "timedout"), None):
        return f"timed out after {late.duration_ms // 60_000} min" if late.duration_ms else "timed out"
    reports = [job.tests for job in jobs if job.tests]
    return guard_remark(sum(one.failed for one in reports), sum(sum(one.counts.values()) for one in reports))


def observed_failures(details: Details) -> Iterator[ObservedTest]:
    """Yield the failed tests of a run, and its failed jobs without tests."""
    for job in details.jobs or ():
        if job.status in FAILED_JOBS:
            yield from _failures_of(job)


def _observed_passes(details: Details) -> Iterator[ObservedTest]:
    for job in details.jobs or ():
        if job.status in PASSED_JOBS:
            yield ObservedTest(test=TestIdentity(job=base_job_name(job.name), suite="", name=""), failed=False)
        for one in job.tests.passes if job.tests else ():
            yield ObservedTest(test=identify(job.name, one), failed=False, run_ms=_milliseconds(one.run_time_s))


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(min(seconds, MAX_SECONDS) * 1000)


def _failures_of(job: JobReport) -> Iterator[ObservedTest]:
    if job.tests is None or not job.tests.failures:
        yield ObservedTest(
            test=TestIdentity(job=base_job_name(job.name), suite="", name=""),
            failed=True,
            fingerprint=fingerprint("\n".join(job.messages)),
        )
        return
    for failure in job.tests.failures:
        yield ObservedTest(
            test=identify(job.name, failure),
            failed=True,
            class_name=failure.class_name,
            file=failure.file,
            fingerprint=fingerprint(failure.message),
            run_ms=_milliseconds(failure.run_time_s),
        )


def common_fingerprint(observed: list[ObservedTest]) -> str | None:
    """Return the fingerprint that most failures of a run have."""
    counts = Counter(one.fingerprint for one in observed if one.fingerprint)
    return max(counts, key=lambda one: (counts[one], one), default=None)
