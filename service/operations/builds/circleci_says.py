"""The figures that CircleCI counts, for pages.

They stand beside our own, with their age, and are never mixed with them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from service.db.tables import Transaction
from service.model import Insight, InsightKind, Question, slug_spellings
from service.operations.json_shapes import Json, rfc3339
from service.store.circleci import insights
from service.store.runs import runs
from service.store.search.names import fold

MAX_FLAKY = 20
MAX_DAYS = 14
STALE_AFTER = timedelta(days=2)
_OF_WORKFLOW = (InsightKind.RUNS, InsightKind.JOBS, InsightKind.SERIES, InsightKind.TESTS, InsightKind.JOB_RUNS)
TestName = tuple[str | None, str | None, str]
"""A test by project, job and name."""


def of_project(transaction: Transaction, slug: str | None) -> Json | None:
    """Return what CircleCI says of a project's default branch; None: nothing is known.

    The shape: ``workflows``, ``flaky`` the number of tests in 14 days, ``organization`` the figures of all projects.
    """
    if slug is None:
        return None
    place = slug_spellings(slug)[0]
    summaries = insights.find(transaction, Question(kind=InsightKind.SUMMARIES, place=place))
    if summaries is None:
        return None
    flaky = insights.find(transaction, Question(kind=InsightKind.FLAKY, place=place))
    org = insights.find(transaction, Question(kind=InsightKind.ORGANIZATION, place=place.rpartition("/")[0]))
    return {
        **_state(summaries),
        "workflows": _facts(summaries).get("items", []),
        "flaky": _facts(flaky).get("total"),
        "organization": _organization(org),
    }


def _organization(insight: Insight | None) -> Json | None:
    facts = _facts(insight)
    return (
        {key: facts.get(key) for key in ("runs", "share", "credits", "runs_change", "credits_change")}
        if facts
        else None
    )


def of_workflow(transaction: Transaction, slug: str | None, workflow: str | None) -> Json | None:
    """Return what CircleCI says of a workflow on its default branch; None: nothing.

    The shape: ``jobs``, ``days`` with the runs of jobs and how many failed, ``tests``, ``runs`` with the number of
    those that are not on record here, and ``slowest`` with the median of the slowest job's runs, or the reason why it
    is not known.
    """
    if slug is None or workflow is None:
        return None
    place = slug_spellings(slug)[0]
    questions = {kind: Question(kind=kind, place=place, subject=workflow) for kind in _OF_WORKFLOW}
    answers = insights.find_each(transaction, questions.values())
    found = {kind: answers.get(question) for kind, question in questions.items()}
    first = next((one for one in found.values() if one), None)
    if first is None:
        return None
    slowest = found[InsightKind.JOB_RUNS]
    return {
        **_state(first),
        "jobs": _facts(found[InsightKind.JOBS]).get("items", []),
        "days": _facts(found[InsightKind.SERIES]).get("days", [])[-MAX_DAYS:],
        "tests": _facts(found[InsightKind.TESTS]) or None,
        "runs": _runs(transaction, _facts(found[InsightKind.RUNS])),
        "slowest": _slowest(slowest) if slowest else None,
    }


def _slowest(runs_of_job: Insight) -> Json:
    """Return the runs of the slowest job; none after days of refusals."""
    tried_at, asked_at = runs_of_job.tried_at, runs_of_job.asked_at
    is_known = asked_at is not None and tried_at - asked_at < STALE_AFTER
    return {"job": None, **(_facts(runs_of_job) if is_known else {}), "reason": runs_of_job.reason}


def _runs(transaction: Transaction, facts: Mapping[str, Any]) -> Json | None:
    """Return the number of runs, and of those that our rows do not know."""
    if not facts:
        return None
    ids = {found for one in facts["ids"] if (found := _to_id(one))}
    known = runs.find_all(transaction, ids)
    return {
        "count": len(facts["ids"]),
        "missing": len(ids - known.keys()),
        "median_s": facts["median_s"],
        "credits": facts["credits"],
    }


def _to_id(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None


def usual_of(transaction: Transaction, slug: str | None, workflow: str | None) -> float | None:
    """Return the median duration of a workflow in seconds, as CircleCI says."""
    if slug is None or workflow is None:
        return None
    summaries = insights.find(transaction, Question(kind=InsightKind.SUMMARIES, place=slug_spellings(slug)[0]))
    items = _facts(summaries).get("items", [])
    median: float | None = next((one["median_s"] for one in items if one["name"] == workflow), None)
    return median


def flaky_tests(transaction: Transaction, project: str | None, ours: Mapping[TestName, str] | None = None) -> Json:
    """Return the tests that CircleCI calls flaky, those that flaked most first.

    project   a slug or the end of one; None: of all
    ours      the states of tests by our own results, which stand beside; None: they were not looked at
    """
    found = [one for one in insights.find_kind(transaction, InsightKind.FLAKY) if _is_of(one, project)]
    rows = [{"project": one.question.place, **test} for one in found for test in _facts(one).get("tests", [])]
    rows.sort(key=lambda one: -int(one["times"]))
    if ours is not None:
        rows = [one | {"ours": ours.get((one["project"], one["job"], one["test"]))} for one in rows[:MAX_FLAKY]]
    oldest = min((one.asked_at for one in found if one.asked_at), default=None)
    return {
        "tests": rows[:MAX_FLAKY],
        "total": sum(int(_facts(one).get("total") or 0) for one in found),
        "asked_at": rfc3339(oldest) if oldest else None,
    }


def _is_of(insight: Insight, project: str | None) -> bool:
    place = insight.question.place
    return project is None or project in slug_spellings(place) or fold(place).endswith(f"/{fold(project)}")


def _facts(insight: Insight | None) -> Mapping[str, Any]:
    return insight.facts or {} if insight else {}


def _state(insight: Insight) -> Json:
    return {"asked_at": rfc3339(insight.asked_at) if insight.asked_at else None, "reason": insight.reason}
