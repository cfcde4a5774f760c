"""One test: its last results, its messages by fingerprint, and whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.errors import NotFound
from service.model import Details, KnownProblem, TestFailure, slug_spellings
from service.operations.incidents.incidents import taken_json
from service.operations.incidents.known_problems import problem_json
from service.operations.json_shapes import Json, coverage_json, rfc3339
from service.operations.test_history.judged_tests import ListedTest, TestFacts, judge_tests
from service.operations.test_history.shown_tests import contradicted_revision, failing_json, failing_since, wasted_runs
from service.operations.test_history.tests import test_json
from service.operations.test_history.tests_page import run_minutes
from service.routing.fingerprint import fingerprint as fingerprint_of
from service.routing.flakes import RATE_AGE
from service.routing.known_problems import find_problem
from service.routing.test_identity import base_job_name
from service.store.events import events
from service.store.incidents import incidents, known_problems
from service.store.rows import Row
from service.store.runs import runs
from service.store.runs.tracks import StoredTrack
from service.store.test_history import test_list
from service.store.test_history.test_coverage import coverage_of
from service.store.test_history.test_list import TestFilter

MAX_FAILS = 500
MAX_MESSAGES = 8
MAX_RESULTS = 30
NOT_JUDGED = ("state", "rate", "flip_rate", "evidence", "red_and_green_at", "cost_minutes", "mean_ms", "failing_since")


@dataclass(frozen=True, kw_only=True)
class _Message:
    """The fails of a test with one fingerprint, newest first; None: without a text."""

    fingerprint: str | None
    fails: Sequence[Row]
    text: str | None = None


def read_test(transaction: Transaction, now: datetime, digest: UUID, *, from_file: Sequence[KnownProblem] = ()) -> Json:
    """Return a test with its results, messages, known problems and owners.

    ``state`` and what follows from results is null where there were none for 90 days. Raises NotFound.

    from_file   the known problems of roundsman.yaml
    """
    row = test_list.find(transaction, digest)
    if row is None:
        raise NotFound("no test with this address is on record: it never failed, or its fails are forgotten by now")
    [judged] = judge_tests(TestFacts(transaction, now), [row], TestFilter())
    messages, are_all = _messages(transaction, row)
    problems = _sort([*from_file, *known_problems.find_all(transaction)], now)
    found = {problem.id: problem for one in messages if (problem := find_problem(one.text or "", problems))}
    coverage = coverage_of(
        transaction, TestFilter(project=row["project_slug"] or row["project_name"]), since=now - RATE_AGE
    )
    return _facts(row, judged) | {
        "cost_minutes": _cost(transaction, judged, now),
        "failing_on": [_failing(transaction, one) for one in (judged.failing_on if judged else ())],
        "results": _results(transaction, judged),
        "messages": [_message_json(one, find_problem(one.text or "", problems)) for one in messages[:MAX_MESSAGES]],
        "more_messages": max(len(messages) - MAX_MESSAGES, 0),
        "are_all_fails": are_all,
        "known_problems": [problem_json(one, now) for one in found.values()],
        "owners": list(dict.fromkeys(one.owner for one in found.values() if one.owner)),
        "coverage": coverage_json(coverage),
    }


def _facts(row: Row, judged: ListedTest | None) -> Json:
    known: Json = {"id": str(row["digest"]), "project_name": row["project_name"] or row["project_slug"]}
    if judged is not None:
        mean = None if judged.mean_ms is None else round(judged.mean_ms)
        revision = contradicted_revision(judged.results)
        states = [str(one) for one in judged.states]
        return (
            known
            | test_json(judged)
            | failing_since(judged)
            | {"states": states, "red_and_green_at": revision, "mean_ms": mean}
        )
    slug = row["project_slug"]
    return (
        known
        | dict.fromkeys(NOT_JUDGED)
        | {
            "project": slug_spellings(slug)[0] if slug else row["project_name"],
            **{name: row[name] for name in ("job", "name", "class_name", "file")},
            "runs": 0,
            "failing_runs": 0,
            "fails": 0,
            "first_failed_at": rfc3339(row["first_failed_at"]),
            "last_failed_at": rfc3339(row["last_failed_at"]),
            "states": [],
        }
    )


def _sort(problems: Sequence[KnownProblem], now: datetime) -> list[KnownProblem]:
    """Return the open ones before those that are closed."""
    return sorted(problems, key=lambda one: not one.is_open(now))


def _cost(transaction: Transaction, judged: ListedTest | None, now: datetime) -> float | None:
    wasted = wasted_runs(judged, now) if judged else set()
    return round(sum(run_minutes(transaction, wasted).values()), 1) if wasted else None


def _failing(transaction: Transaction, stored: StoredTrack) -> Json:
    """Return a branch where it fails, with who has the incident there."""
    incident_id = stored.state.incident_id
    incident = incidents.find_all(transaction, [incident_id]).get(incident_id) if incident_id else None
    return failing_json(stored) | {
        "incident": str(incident_id) if incident else None,
        "taken": taken_json(incident.taken) if incident else None,
    }


def _results(transaction: Transaction, judged: ListedTest | None) -> list[Json]:
    """Return the last results, newest first; ``build`` is None if it is forgotten."""
    last = judged.results[-MAX_RESULTS:][::-1] if judged else []
    found = runs.find_all(transaction, {one.run_id for one in last if one.run_id})
    recorded = test_list.recorded_runs(transaction, judged.row["id"], list(found)) if judged and found else {}
    builds = events.find_posts(transaction, {run.event_id for run in found.values()})
    shapes = []
    for one in last:
        run = found.get(one.run_id) if one.run_id else None
        event = builds.get(run.event_id) if run else None
        shapes.append(
            {
                "at": rfc3339(one.at),
                "result": "failed" if one.failed else "passed",
                "is_by_green_run": one.run_id not in recorded,
                "run_ms": recorded.get(one.run_id) if one.run_id else None,
                "branch": (event.branch or event.tag) if event else None,
                "workflow": event.workflow.name if event else None,
                "revision": one.revision,
                "run": str(one.run_id),
                "build": str(event.id) if event else None,
            }
        )
    return shapes


def _messages(transaction: Transaction, row: Row) -> tuple[list[_Message], bool]:
    """Return the messages of a test, the last one first, and whether of all its fails."""
    fails = test_list.fails_of(transaction, row["id"], limit=MAX_FAILS)
    groups: dict[str | None, list[Row]] = {}
    for fail in fails:
        groups.setdefault(fail["fingerprint"], []).append(fail)
    newest = {key: some[0]["event_id"] for key, some in list(groups.items())[:MAX_MESSAGES] if key}
    details = events.find_all_details(transaction, list(set(newest.values()))) if newest else {}
    texts = {key: _text(details.get(event_id), row, key) for key, event_id in newest.items()}
    found = [_Message(fingerprint=key, fails=some, text=texts.get(key or "")) for key, some in groups.items()]
    return found, len(fails) < MAX_FAILS


def _text(details: Details | None, row: Row, fingerprint: str | None) -> str | None:
    """Return the text of a test's failure in a run, with this fingerprint if possible."""
    failures = [
        failure
        for job in (details.jobs if details else None) or ()
        if job.tests and base_job_name(job.name) == row["job"]
        for failure in job.tests.failures
        if _is_of(failure, row)
    ]
    same = [one for one in failures if fingerprint_of(one.message) == fingerprint]
    return next((one.message for one in same or failures), None)


def _is_of(failure: TestFailure, row: Row) -> bool:
    same_place = (failure.class_name or failure.file) == (row["class_name"] or row["file"])
    return same_place and failure.name == str(row["name"])


def _message_json(message: _Message, problem: KnownProblem | None) -> Json:
    newest, oldest = message.fails[0], message.fails[-1]
    return {
        "fingerprint": message.fingerprint,
        "text": message.text,
        "fails": len(message.fails),
        "first_at": rfc3339(oldest["at"]),
        "last_at": rfc3339(newest["at"]),
        "build": str(newest["event_id"]),
        "branch": newest["branch"],
        "known_problem": problem.title if problem else None,
    }
