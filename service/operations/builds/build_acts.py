"""Acts on builds at CircleCI: look, ask once, look again.

An act is on record before CircleCI is asked, and once more with its result. A request whose answer was lost is never
repeated: a look at CircleCI says whether it was done, else the result is uncertain, and a person decides.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.responses import ListedJob, WorkflowAnswer
from service.db.database import Store
from service.errors import BadRequest, Permanent, RoundsmanError, Temporary
from service.model import Action
from service.model.build_acts import ActOutcome, ActResult, ActVerb, BuildAct
from service.operations.json_shapes import Json
from service.store.audit import actions
from service.text import clean, humanize

UNFINISHED = {"running", "failing", "on_hold"}
RED = {"failed", "error", "canceled", "unauthorized"}
ENDED_JOBS = {"success", "failed", "canceled", "retried", "timedout", "infrastructure_fail", "terminated-unknown"}
MAX_RECORDED = 500
REFUSED = "CircleCI answered "
NO_NEW_TRY = "it was not asked again"

Ask = Callable[[], Awaitable[ActResult]]


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Keeps an act on record: who asked for it, when, and its result.

    id   of the record that it was asked for; a second act with the same id is refused. That of its result is made of it
    """

    store: Store
    clock: Callable[[], datetime]
    who: str
    id: UUID | None = None

    async def run(self, verb: str, subject_id: UUID, asked: str, ask: Ask) -> ActResult:
        """Record that an act is asked for, ask, and record its result."""
        await self._record(verb, subject_id, f"asked: {asked}", id_=self.id)
        result = await ask()
        subject = UUID(result.pipeline) if result.pipeline else subject_id
        await self._record(verb, subject, f"{result.outcome}: {result.sentence}", id_=result_id(self.id))
        return result

    async def _record(self, verb: str, subject_id: UUID, words: str, *, id_: UUID | None = None) -> None:
        reason = clean(words)[:MAX_RECORDED]
        action = Action(verb=verb, subject_id=subject_id, who=self.who, at=self.clock(), reason=reason)
        await self.store.write(actions.record_once, action, id_ or uuid4())


def result_id(act_id: UUID | None) -> UUID | None:
    """Return the id of the record of a result; None for an act without an id."""
    return uuid5(act_id, "result") if act_id else None


async def find_acts(store: Store, act_id: UUID) -> tuple[Action | None, Action | None]:
    """Return the records that an act was asked for, and of its result."""
    ended = uuid5(act_id, "result")
    found = await store.read(actions.find_all, [act_id, ended])
    return found.get(act_id), found.get(ended)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A workflow as it was before the act.

    siblings   the ids of all workflows of its pipeline
    job        the job that the act is about
    """

    workflow: WorkflowAnswer
    siblings: frozenset[str] = frozenset()
    job: ListedJob | None = None


async def act_on_build(api: CircleCIAPI, act: BuildAct, recorder: Recorder) -> ActResult:
    """Do an act, and return its result.

    Raises BadRequest where it makes no sense in the present state, Temporary or Permanent where CircleCI cannot be
    read: then nothing was asked for.
    """
    seen = await look(api, act)

    async def ask() -> ActResult:
        try:
            answered = await _ask(api, act, seen)
        except (Temporary, Permanent) as error:
            if is_refusal(error):
                return ActResult(outcome=ActOutcome.REFUSED, sentence=str(error))
            return await _look_again(api, act, seen, error)
        return await _confirm(api, act, seen, answered)

    return await recorder.run(act.verb, act.workflow_id, describe(act, seen), ask)


def result_json(result: ActResult, verb: str) -> Json:
    """Return the shape of a result for programs."""
    return {
        "act": verb,
        "outcome": str(result.outcome),
        "sentence": result.sentence,
        "workflow": result.workflow,
        "pipeline": {"id": result.pipeline, "number": result.number} if result.pipeline else None,
    }


def is_refusal(error: RoundsmanError) -> bool:
    """Return True if CircleCI surely did not do what it was asked for.

    A 5xx, a cut answer or none at all leave that open.
    """
    words = str(error)
    return (isinstance(error, Permanent) and words.startswith(REFUSED)) or words.startswith(f"{REFUSED}429")


def describe(act: BuildAct, seen: Seen) -> str:
    """Return what is asked for, in words."""
    name = seen.workflow.name or "the workflow"
    match act.verb:
        case ActVerb.RERUN_FAILED:
            return f"rerun of {name} from its failed jobs"
        case ActVerb.APPROVE | ActVerb.CANCEL_JOB if seen.job:
            return f"{humanize(act.verb)} {seen.job.name} of {name}"
        case _:
            return f"{humanize(act.verb)} of {name}"


async def look(api: CircleCIAPI, act: BuildAct) -> Seen:
    """Return the workflow as it is; raise BadRequest if the act makes no sense now."""
    workflow = await api.workflow(str(act.workflow_id))
    is_running = workflow.status in UNFINISHED
    match act.verb:
        case ActVerb.RERUN | ActVerb.RERUN_FAILED:
            if act.verb is ActVerb.RERUN_FAILED and workflow.status not in RED:
                raise _makes_no_sense(workflow, "only one that failed or was canceled has failed jobs to rerun")
            return Seen(workflow=workflow, siblings=await _siblings(api, workflow))
        case ActVerb.CANCEL if not is_running:
            raise _makes_no_sense(workflow, "only one that runs or waits can be canceled")
        case ActVerb.CANCEL:
            return Seen(workflow=workflow)
    jobs = (await api.workflow_jobs(str(act.workflow_id))).items
    return Seen(workflow=workflow, job=_one_job(act, workflow, jobs))


async def jobs_for(api: CircleCIAPI, act: BuildAct) -> Sequence[ListedJob]:
    """Return the jobs that an act may be about; raises Temporary or Permanent."""
    return _fitting(act, (await api.workflow_jobs(str(act.workflow_id))).items)


def _fitting(act: BuildAct, jobs: Sequence[ListedJob]) -> list[ListedJob]:
    if act.verb is ActVerb.APPROVE:
        return [job for job in jobs if job.approval_request_id and job.status == "on_hold"]
    return [job for job in jobs if job.job_number and job.status not in ENDED_JOBS]


def _one_job(act: BuildAct, workflow: WorkflowAnswer, jobs: tuple[ListedJob, ...]) -> ListedJob:
    fitting = _fitting(act, jobs)
    none = "no job of it waits for an approval" if act.verb is ActVerb.APPROVE else "no job of it runs"
    named = [job for job in fitting if act.job in {None, job.name, job.id}]
    names = ", ".join(sorted(job.name or "" for job in fitting))
    if not named:
        raise _makes_no_sense(workflow, f"{none}{f' by the name {act.job}; there are {names}' if fitting else ''}")
    if len(named) > 1:
        raise _makes_no_sense(workflow, f"name the job, one of {names}")
    return named[0]


def _makes_no_sense(workflow: WorkflowAnswer, why: str) -> BadRequest:
    return BadRequest(f"the workflow is {humanize(workflow.status or 'unknown')} at CircleCI: {why}", status=409)


async def _siblings(api: CircleCIAPI, workflow: WorkflowAnswer) -> frozenset[str]:
    if workflow.pipeline_id is None:
        return frozenset()
    found = await api.pipelines.pipeline_workflows(workflow.pipeline_id)
    return frozenset(one.id for one in found.items if one.id and one.name == workflow.name)


async def _ask(api: CircleCIAPI, act: BuildAct, seen: Seen) -> str | None:
    """Ask CircleCI, once. Returns its words, or the id of the new workflow."""
    workflow_id, job = str(act.workflow_id), seen.job or ListedJob()
    match act.verb:
        case ActVerb.RERUN | ActVerb.RERUN_FAILED:
            is_from_failed = act.verb is ActVerb.RERUN_FAILED
            return (await api.actions.rerun_workflow(workflow_id, from_failed=is_from_failed)).workflow_id
        case ActVerb.CANCEL:
            return (await api.actions.cancel_workflow(workflow_id)).message
        case ActVerb.CANCEL_JOB:
            slug = seen.workflow.project_slug or ""
            return (await api.actions.cancel_job(slug, job.job_number or 0)).message
        case ActVerb.APPROVE:
            return (await api.actions.approve_job(workflow_id, job.approval_request_id or "")).message


async def _confirm(api: CircleCIAPI, act: BuildAct, seen: Seen, answered: str | None) -> ActResult:
    """Return the result of an act that CircleCI took, with what it reads back as."""
    if act.verb in {ActVerb.RERUN, ActVerb.RERUN_FAILED}:
        if answered is None:
            return await _look_again(api, act, seen, Temporary("CircleCI's answer names no workflow"))
        state = await _state_of(api, answered)
        return ActResult(outcome=ActOutcome.DONE, sentence=f"new workflow {answered}, {state}", workflow=answered)
    words = f"CircleCI answered: {answered or 'done'}"
    if act.verb is ActVerb.CANCEL:
        words += f" The workflow is {await _state_of(api, str(act.workflow_id))}."
    elif (job := await _job_state(api, act, seen)) is not None:
        words += f" The job is {job}."
    return ActResult(outcome=ActOutcome.DONE, sentence=words)


async def _state_of(api: CircleCIAPI, workflow_id: str) -> str:
    """Return the present status in words, or why it cannot be read."""
    try:
        return humanize((await api.workflow(workflow_id)).status or "of no known status")
    except (Temporary, Permanent) as error:
        return f"not read back ({error})"


async def _job_state(api: CircleCIAPI, act: BuildAct, seen: Seen) -> str | None:
    try:
        jobs = (await api.workflow_jobs(str(act.workflow_id))).items
    except (Temporary, Permanent) as error:
        return f"not read back ({error})"
    return next((humanize(job.status or "") for job in jobs if seen.job and job.id == seen.job.id), None)


async def _look_again(api: CircleCIAPI, act: BuildAct, seen: Seen, lost: RoundsmanError) -> ActResult:
    """Return whether an act was done whose answer was lost. It is not asked for again."""
    try:
        found = await _find_effect(api, act, seen)
    except (Temporary, Permanent) as error:
        words = f"{lost}; whether it was done could not be looked up ({error}), and {NO_NEW_TRY}: look at CircleCI"
        return ActResult(outcome=ActOutcome.UNCERTAIN, sentence=words)
    if found is None:
        words = f"{lost}; a look at CircleCI does not show it yet, and {NO_NEW_TRY}: look there before you do"
        return ActResult(outcome=ActOutcome.UNCERTAIN, sentence=words)
    workflow = found if act.verb in {ActVerb.RERUN, ActVerb.RERUN_FAILED} else None
    words = f"{lost}, but it was done: {f'new workflow {workflow}' if workflow else found}"
    return ActResult(outcome=ActOutcome.DONE, sentence=words, workflow=workflow)


async def _find_effect(api: CircleCIAPI, act: BuildAct, seen: Seen) -> str | None:
    """Return what shows that an act was done: the new workflow's id, or words."""
    if act.verb in {ActVerb.RERUN, ActVerb.RERUN_FAILED}:
        return next(iter(sorted(await _siblings(api, seen.workflow) - seen.siblings)), None)
    if act.verb is ActVerb.CANCEL:
        status = (await api.workflow(str(act.workflow_id))).status
        return "the workflow is canceled" if status == "canceled" else None
    jobs = (await api.workflow_jobs(str(act.workflow_id))).items
    job = next((job for job in jobs if seen.job and job.id == seen.job.id), ListedJob())
    wanted = {"success"} if act.verb is ActVerb.APPROVE else {"canceled"}
    return f"the job is {job.status}" if job.status in wanted or job.approved_by else None
