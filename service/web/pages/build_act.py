"""The page that asks before an act on a build at CircleCI, and its form."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound, Permanent, Temporary
from service.model.build_acts import ActResult, ActVerb, BuildAct
from service.operations.builds.act_subjects import find_workflow
from service.operations.builds.build_acts import Recorder, act_on_build, jobs_for
from service.text import clean
from service.web.build_acts import as_refusal
from service.web.pages.asked_acts import once_of, title_of
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

VERBS = {
    "rerun": ActVerb.RERUN,
    "rerun-failed": ActVerb.RERUN_FAILED,
    "cancel": ActVerb.CANCEL,
    "cancel-job": ActVerb.CANCEL_JOB,
    "approve": ActVerb.APPROVE,
}
WITH_JOB = {ActVerb.APPROVE, ActVerb.CANCEL_JOB}


async def ask(context: PageContext, request: Request) -> Response:
    """Return the page that asks whether to do it. It changes nothing."""
    session = await context.access.require_session(request)
    verb = _verb(request)
    workflow_id, name = await find_workflow(context.store, request.path_params["id"])
    act = BuildAct(verb=verb, workflow_id=workflow_id)
    shown = await context.read(_nothing) | await question(context, act)
    back = _build(request)
    address = f"{back}/act/{request.path_params['verb']}"
    return await context.render_page(request, session, "build_act.html", name=name, address=address, back=back, **shown)


async def do(context: PageContext, request: Request) -> Response:
    """Do it, and redirect to the build, which shows the result."""
    who = await context.access.require_form(request)
    verb, form = _verb(request), await read_form(request)
    workflow_id, _ = await find_workflow(context.store, request.path_params["id"])
    act = BuildAct(verb=verb, workflow_id=workflow_id, job=form.get("job") or None)
    result = await perform(context, act, who=who, once=once_of(form))
    return context.redirect_with_notice(_build(request), f"act_{result.outcome}")


async def question(context: PageContext, act: BuildAct) -> dict[str, Any]:
    """Return the values of the page: act, jobs, and an id for its form."""
    jobs, problem = await _jobs(context, act)
    return {
        "verb": act.verb,
        "title": title_of(act.verb),
        "jobs": jobs,
        "problem": problem,
        "once": str(uuid4()),
        "needs_job": act.verb in WITH_JOB,
    }


async def perform(context: PageContext, act: BuildAct, *, who: str, once: UUID) -> ActResult:
    """Do an act for a form. Raises BadRequest if the form was sent before."""
    recorder = Recorder(store=context.store, clock=context.clock, who=who, id=once)
    return await as_refusal(act_on_build(context.acting.api, act, recorder))


async def _jobs(context: PageContext, act: BuildAct) -> tuple[Sequence[str], str | None]:
    """Return the names of the jobs to choose from, or why they are not known."""
    if act.verb not in WITH_JOB:
        return (), None
    try:
        return [clean(job.name or "") for job in await jobs_for(context.acting.api, act)], None
    except (Temporary, Permanent, BadRequest) as error:
        return (), str(error)


def _build(request: Request) -> str:
    """Return the address of the build that a request names.

    A workflow that waits has a page by the id of its event alone: no run of it has ended.
    """
    return f"/builds/{quote(request.path_params['id'], safe='')}"


def _verb(request: Request) -> ActVerb:
    verb = VERBS.get(request.path_params["verb"])
    if verb is None:
        raise NotFound(f"there is no act {request.path_params['verb'][:40]!a}; there are {', '.join(VERBS)}")
    return verb


def _nothing(_transaction: Transaction) -> dict[str, Any]:
    return {}
