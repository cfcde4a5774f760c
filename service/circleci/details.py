"""Fetch an event's details from the API: actor, branch and commit, jobs, tests.

Details are optional: each error becomes a MissingDetail, and the message is sent without that detail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointError
from service.circleci.api.responses import WorkflowAnswer
from service.circleci.api.step_logs import StepLogs
from service.circleci.api.test_results import TestResults
from service.circleci.api.users import UnknownUser, Users
from service.circleci.git import vcs_of
from service.circleci.pull_requests import pull_request_in, pull_request_of
from service.circleci.reports import (
    FAILED_JOB_STATUSES,
    PASSED_JOB_STATUSES,
    job_of_event,
    jobs_from_list,
    with_job_details,
)
from service.circleci.source import JobFilter, every_job
from service.errors import NoToken, Permanent, Temporary
from service.model import (
    Actor,
    DetailKind,
    Details,
    Event,
    FailedStep,
    JobReport,
    MissingDetail,
    PullRequest,
    TestReport,
    Vcs,
    WorkflowFacts,
)

MAX_JOBS = 10  # whose details are fetched: more failed jobs than that have one reason
TESTS_RETRY_AFTER_S = 5.0
MAX_FAILED_ROUNDS = 12  # about an hour

OF_JOBS = frozenset({DetailKind.JOBS, DetailKind.TESTS, DetailKind.PASSES, DetailKind.LOG, DetailKind.STEPS})
MAX_PASSED_JOBS = 20

T = TypeVar("T")
JobReaders = tuple[StepLogs, TestResults]


class DetailsFetcher:
    """A fetcher of the details of one event, for one round."""

    def __init__(self, api: CircleCIAPI, users: Users, event: Event, known: Details, *, of_jobs: JobReaders) -> None:
        self._logs, self._tests = of_jobs
        self._api = api
        self._users = users
        self._event = event
        self._known = known
        self._missing: dict[tuple[DetailKind, str], MissingDetail] = {}
        self._workflow: WorkflowFacts | None = known.workflow
        self._passes_of: JobFilter = every_job
        self._has_token = True  # until a call shows that there is none

    async def fetch(self, wants: frozenset[DetailKind], now: datetime, *, passes_of: JobFilter = every_job) -> Details:
        """Fetch the details that are wanted and not yet known.

        Raises no error of CircleCI's: it is recorded in ``missing``.
        """
        self._passes_of = passes_of
        known = self._known
        asked = frozenset(want for want in wants if not is_settled(want, known))

        async with asyncio.TaskGroup() as group:
            actor = group.create_task(self._try(asked & {DetailKind.ACTOR}, self._fetch_actor))
            vcs = group.create_task(self._try(asked & {DetailKind.VCS}, self._fetch_vcs))
            group.create_task(self._try(asked & {DetailKind.WORKFLOW}, self._ask_workflow))
            pull = group.create_task(self._try(asked & {DetailKind.PULL_REQUEST}, self._fetch_pull_request))
            jobs = group.create_task(self._fetch_jobs(asked & OF_JOBS))

        still_missing = [missing for missing in known.missing if missing.want not in asked]
        return Details(
            wanted=known.wanted | wants,
            actor=actor.result() or known.actor,
            vcs=vcs.result() or known.vcs,
            jobs=known.jobs if jobs.result() is None else jobs.result(),
            workflow=self._workflow,
            pull_request=pull.result() or known.pull_request,
            missing=(*still_missing, *(self._missing[key] for key in sorted(self._missing))),
            rounds=known.rounds + 1,
            asked_at=now if self._has_token else known.asked_at,
        )

    async def _try(self, wants: Set[DetailKind], question: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer to a question; None if it is not wanted.

        An error gives None too, and is recorded as the reason why the details are missing.
        """
        if not wants:
            return None
        try:
            return await question()
        except EndpointError as error:
            is_final = self._known.rounds + 1 >= MAX_FAILED_ROUNDS
            self._record_missing(wants, str(error), is_final=is_final, retry_after_s=error.retry_after_s)
        except Temporary as error:
            self._record_missing(wants, str(error), is_final=False, retry_after_s=error.retry_after_s)
        except (NoToken, UnknownUser) as error:
            self._has_token &= not isinstance(error, NoToken)
            self._record_missing(wants, str(error), is_final=True, is_by_choice=True)
        except Permanent as error:
            self._record_missing(wants, str(error), is_final=True)
        return None

    def _record_missing(self, wants: Set[DetailKind], reason: str, *, is_final: bool, **more: Any) -> None:
        for want in wants:  # ten jobs that miss one thing for one reason are one MissingDetail
            self._missing[want, reason] = MissingDetail(want=want, reason=reason, is_final=is_final, **more)

    async def _fetch_actor(self) -> Actor:
        return await self._users.find(self._event.actor.id or await self._starter_id())

    async def _starter_id(self) -> str:
        started_by = (await self._ask_workflow()).started_by
        if started_by is None:
            raise Permanent("CircleCI does not say who started the workflow")
        return started_by

    async def _ask_workflow(self) -> WorkflowAnswer:
        """Return the workflow, and note its facts.

        Those who ask at the same time share the call.
        """
        answer = await self._api.workflow(require(self._event.workflow.id, "the workflow's id"))
        self._workflow = WorkflowFacts(
            auto_rerun_number=answer.auto_rerun_number or 0,
            max_auto_reruns=answer.max_auto_reruns,
            is_setup=answer.tag == "setup",
        )
        return answer

    async def _fetch_vcs(self) -> Vcs:
        vcs = vcs_of(await self._api.pipeline(self._pipeline_id()))
        if vcs == Vcs():
            raise Permanent("CircleCI does not say what the pipeline built")
        return vcs

    async def _fetch_pull_request(self) -> PullRequest:
        """Return the pull request of the pipeline; without number and page if it has none."""
        pipeline = await self._api.pipeline(self._pipeline_id())
        found = pull_request_of(pipeline)
        if found.is_known:
            return found
        try:
            return pull_request_in(await self._api.values(self._pipeline_id()), pipeline)
        except (EndpointError, Permanent):  # not every CircleCI has the values, nor each pipeline
            return found

    def _pipeline_id(self) -> str:
        return require(self._event.pipeline.id, "the pipeline's id")

    async def _fetch_jobs(self, wants: Set[DetailKind]) -> tuple[JobReport, ...] | None:
        """Return every job, the failed ones with details; None if the list is missing."""
        jobs = await self._try(wants, partial(self._list_jobs, wants))
        if jobs is None:
            return None
        failed = [index for index, job in enumerate(jobs) if job.status in FAILED_JOB_STATUSES]
        if len(failed) > MAX_JOBS:
            reason = f"only {MAX_JOBS} of {len(failed)} failed jobs were looked into"
            self._record_missing(wants & {DetailKind.TESTS}, reason, is_final=True, is_by_choice=True)
        failed = failed[:MAX_JOBS]
        async with asyncio.TaskGroup() as group:
            closer = {index: group.create_task(self._inspect_job(jobs[index], wants)) for index in failed}
            if DetailKind.PASSES in wants:
                closer |= {
                    index: group.create_task(self._read_passes(jobs[index]))
                    for index in passed_jobs(jobs, self._passes_of)
                }
        return tuple(closer[index].result() if index in closer else job for index, job in enumerate(jobs))

    async def _list_jobs(self, wants: Set[DetailKind]) -> tuple[JobReport, ...]:
        """Return the jobs, without the details that only a job's own endpoint gives.

        The list of a job event is its own job, and needs no call.
        """
        alone = job_of_event(self._event)
        known = self._known.jobs
        if known is not None and (alone is not None or DetailKind.JOBS not in wants):
            return known
        if alone is not None:
            return (alone,)

        workflow_id = require(self._event.workflow.id, "the workflow's id")
        read = {job.number: (job.tests, job.step) for job in known or ()}
        found = await self._api.workflow_jobs(workflow_id)
        if not found.is_last:
            self._record_missing(
                wants & {DetailKind.JOBS}, f"only {len(found.items)} jobs of the workflow were read", is_final=True
            )
        jobs = jobs_from_list(self._event, found.items)
        return tuple(_with_read(job, *read.get(job.number, (None, None))) for job in jobs)

    async def _inspect_job(self, job: JobReport, wants: Set[DetailKind]) -> JobReport:
        async with asyncio.TaskGroup() as group:
            report = group.create_task(self._try(wants & {DetailKind.JOBS}, partial(self._fetch_job, job)))
            tests = group.create_task(self._try(wants & {DetailKind.TESTS}, partial(self._fetch_tests, job)))
            step = group.create_task(self._try(wants & {DetailKind.LOG}, partial(self._fetch_step, job)))
        known = replace(report.result() or job, tests=tests.result() or job.tests, step=step.result() or job.step)
        if known.tests is not None or known.step is not None or DetailKind.LOG in wants:
            return known
        found = await self._try(wants & {DetailKind.STEPS}, partial(self._fetch_step, job, has_log=False))
        return replace(known, step=found)

    async def _fetch_step(self, job: JobReport, *, has_log: bool = True) -> FailedStep | None:
        return await self._logs.read(require(self._event.project.slug, "the project's slug"), job, has_log=has_log)

    async def _read_passes(self, job: JobReport) -> JobReport:
        """Return a job that passed with its test results; most jobs have none."""
        read = partial(self._read_tests, job, DetailKind.PASSES)
        return replace(job, tests=await self._try({DetailKind.PASSES}, read) or job.tests)

    async def _fetch_job(self, job: JobReport) -> JobReport:
        return with_job_details(job, await self._api.job(*self._job_address(job)))

    async def _fetch_tests(self, job: JobReport) -> TestReport | None:
        if job.tests is not None:
            return job.tests
        report = await self._read_tests(job, DetailKind.TESTS)
        if report is None and DetailKind.TESTS not in self._known.wanted:
            # CircleCI does not promise the results at the end of a job. If a later round finds none, the job has none.
            raise Temporary("no test results yet", retry_after_s=TESTS_RETRY_AFTER_S)
        return report

    async def _read_tests(self, job: JobReport, want: DetailKind) -> TestReport | None:
        found = await self._tests.read(job, partial(self._job_address, job))
        if found.remark:
            self._record_missing({want}, f"job {job.name}: {found.remark}", is_final=True)
        return found.report

    def _job_address(self, job: JobReport) -> tuple[str, int]:
        slug = require(self._event.project.slug, "the project's slug")
        by = "the webhook" if self._event.job else "CircleCI's list of jobs"
        return slug, require(job.number, f"the number of job {job.name}", by=by)


def _with_read(job: JobReport, tests: TestReport | None, step: FailedStep | None) -> JobReport:
    """Return a job of the list with what an earlier round read of it."""
    return replace(job, tests=tests, step=step)


def is_settled(want: DetailKind, known: Details) -> bool:
    """True if the detail was asked for before, and asking again would not help."""
    return want in known.wanted and all(missing.is_final for missing in known.missing if missing.want == want)


def passed_jobs(jobs: Sequence[JobReport], is_wanted: JobFilter) -> list[int]:
    """Return the positions of the jobs that passed, as many as are looked into."""
    passed = [index for index, job in enumerate(jobs) if job.status in PASSED_JOB_STATUSES and job.number is not None]
    found = [index for index in passed if is_wanted(jobs[index].name)]
    return found[:MAX_PASSED_JOBS]


def require(value: T | None, what: str, *, by: str = "the webhook") -> T:
    """Return the value, which a call needs; raise Permanent if ``by`` left it out."""
    if value is None:
        raise Permanent(f"{by} did not say {what}")
    return value
