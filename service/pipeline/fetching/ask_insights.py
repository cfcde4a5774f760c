"""Ask CircleCI for its own figures of projects and workflows, each once a day.

These go last: nothing is asked while CircleCI's limits leave little room for what messages need, and a look asks
little. What CircleCI refuses is asked again on the next day, so that an endpoint that is gone costs one call a day.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointError
from service.circleci.circleci import CircleCI
from service.circleci.insight_facts import (
    branch_facts,
    flaky_facts,
    job_run_facts,
    organization_facts,
    run_facts,
    series_facts,
    summary_facts,
    test_facts,
)
from service.db.tables import Transaction
from service.errors import NoToken, Permanent, Temporary
from service.model import OF_WORKFLOW, Insight, InsightKind, Question, slug_spellings
from service.pipeline.context import Context
from service.store.circleci import insights
from service.store.runs import default_tracks

ASK_AGAIN_AFTER = timedelta(days=1)
ACTIVE_FOR = timedelta(days=14)
MAX_CALLS = 30  # of a look
MAX_WORKFLOWS = 10  # of a project
WINDOW = timedelta(days=30)
MAX_REASON = 300

log = structlog.get_logger()


async def ask_insights(context: Context) -> None:
    """Ask the questions that are due, as many as there is room for."""
    source, now = context.source, context.clock()
    if not isinstance(source, CircleCI) or not source.has_room:
        return
    due = await context.store.snapshot(find_due, now)
    for question in due[:MAX_CALLS]:
        if not await _ask(context, source, question, now):
            return


def find_due(transaction: Transaction, now: datetime) -> Sequence[Question]:
    """Return the questions that were not tried in a day."""
    tried = insights.tried_since(transaction, now - ASK_AGAIN_AFTER)
    every = dict.fromkeys(_questions(_active_workflows(transaction, now)))
    return [one for one in every if insights.id_of(one) not in tried]


def _active_workflows(transaction: Transaction, now: datetime) -> dict[str, list[str]]:
    """Return workflows of default branches that ran lately, by a project's short slug."""
    found: dict[str, list[str]] = {}
    for one in default_tracks.find(transaction):
        track, last_at = one.track, one.state.last_at
        if track.project_slug and track.workflow and last_at and now - last_at < ACTIVE_FOR:
            found.setdefault(slug_spellings(track.project_slug)[0], []).append(track.workflow)
    return {slug: list(dict.fromkeys(names))[:MAX_WORKFLOWS] for slug, names in found.items()}


def _questions(active: dict[str, list[str]]) -> Iterator[Question]:
    """Yield the questions: those of organizations and projects first."""
    for slug in active:
        yield Question(kind=InsightKind.ORGANIZATION, place=slug.rpartition("/")[0])
    for kind in (InsightKind.SUMMARIES, InsightKind.FLAKY, InsightKind.BRANCHES):
        for slug in active:
            yield Question(kind=kind, place=slug)
    for kind in OF_WORKFLOW:
        for slug, names in active.items():
            for name in names:
                yield Question(kind=kind, place=slug, subject=name)


async def _ask(context: Context, source: CircleCI, question: Question, now: datetime) -> bool:
    """Ask a question and keep the answer; False if CircleCI cannot be asked now."""
    if not source.has_room:
        return False
    try:
        facts = await _facts_of(context, source, question, now)
    except NoToken:
        return False
    except (EndpointError, Permanent) as error:  # the former is 500: a server without the service of Insights
        reason = str(error)[:MAX_REASON]
        log.info("CircleCI's own figures are not known", place=question.place, kind=question.kind, reason=reason)
        await context.store.write(insights.put, Insight(question=question, tried_at=now, reason=reason))
        return True
    except Temporary as error:
        log.info("CircleCI's own figures are asked for later", place=question.place, reason=str(error))
        return False
    await context.store.write(insights.put, Insight(question=question, tried_at=now, asked_at=now, facts=facts))
    return True


async def _facts_of(context: Context, source: CircleCI, question: Question, now: datetime) -> dict[str, Any]:
    """Return the facts that CircleCI answers. Raises Temporary or Permanent."""
    api, place, name = source.api, question.place, question.subject
    if question.kind is InsightKind.ORGANIZATION:
        return organization_facts(await api.organizations.organization_summary(place))
    if question.kind is InsightKind.SUMMARIES:
        return summary_facts((await api.insights.workflow_summaries(place)).items)
    if question.kind is InsightKind.BRANCHES:
        return branch_facts(await source.branches(place))
    if name is None:
        return flaky_facts(await api.insights.flaky_tests(place))
    if question.kind is InsightKind.JOB_RUNS:
        return await _job_runs(context, source, question)
    return await _facts_of_workflow(source.api, question, name, now)


async def _facts_of_workflow(api: CircleCIAPI, question: Question, name: str, now: datetime) -> dict[str, Any]:
    place, since = question.place, now - WINDOW
    match question.kind:
        case InsightKind.RUNS:
            return run_facts((await api.insights.workflow_runs(place, name, start=since, end=now)).items)
        case InsightKind.JOBS:
            return summary_facts((await api.insights.workflow_jobs_summaries(place, name)).items)
        case InsightKind.SERIES:
            return series_facts((await api.insights.job_time_series(place, name, start=since, end=now)).items)
    return test_facts(await api.insights.workflow_test_metrics(place, name))


async def _job_runs(context: Context, source: CircleCI, question: Question) -> dict[str, Any]:
    """Return the facts of the runs of the slowest job. Raises Temporary or Permanent."""
    jobs = await context.store.read(insights.find, Question(**{**vars(question), "kind": InsightKind.JOBS}))
    known = [one for one in (jobs.facts or {})["items"] if one["median_s"] is not None] if jobs and jobs.facts else []
    if not known:
        raise Permanent("CircleCI names no job of it")
    job = max(known, key=lambda one: float(one["median_s"]))["name"]
    return job_run_facts(job, (await source.api.insights.job_runs(question.place, question.subject or "", job)).items)
