"""The pages that start a pipeline at CircleCI: a form, a question, and the result.

Only the last step, ``do``, starts anything. What a person wrote is in the bodies of forms and in no address, since
parameters may be confidential.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from service.circleci.api.actions import PipelineDefinition
from service.config.hooked_projects import project_slug
from service.db.tables import Transaction
from service.errors import BadRequest, NotFound, Temporary
from service.model import slug_spellings
from service.model.build_acts import Trigger
from service.operations.builds.build_acts import Recorder, find_acts
from service.operations.builds.triggers import describe, find_definitions, to_parameters, trigger_pipeline
from service.operations.json_shapes import action_json
from service.operations.overviews.project_names import find_slug
from service.store.search import names
from service.text import clean
from service.web.build_acts import as_refusal
from service.web.pages.asked import read_given
from service.web.pages.asked_acts import UNDER_WAY, once_of, split_reason
from service.web.pages.context import PageContext, redirect
from service.web.pages.forms import read_form

FIELDS = ("project", "branch", "tag", "parameters", "definition")
LIMITS = {"project": 500, "branch": 500, "tag": 500, "parameters": 8_000, "definition": 100}
MAX_SUGGESTED = 200


async def show(context: PageContext, request: Request) -> Response:
    """Return the form; a project in the address has its pipelines listed."""
    session = await context.access.require_session(request)
    given = read_given(request.query_params)
    written = _entered({name: clean(value) for name, value in given.items()})
    return await context.render_page(request, session, "trigger.html", **await _listed(context, written))


async def change(context: PageContext, request: Request) -> Response:
    """Return the form with what was written, to change it."""
    session = await context.access.require_session(request)
    written = _entered(await read_form(request))
    return await context.render_page(request, session, "trigger.html", **await _listed(context, written))


async def ask(context: PageContext, request: Request) -> Response:
    """Return the page that asks whether to start it. It changes nothing."""
    session = await context.access.require_session(request)
    written = _entered(await read_form(request))
    found: Sequence[PipelineDefinition] = ()
    try:
        trigger = await _read(context, written)
        found = await as_refusal(find_definitions(context.acting.api, trigger.project))
        _check_choice(found, trigger)
    except (BadRequest, NotFound, Temporary) as error:
        status = error.status if isinstance(error, BadRequest) else 404 if isinstance(error, NotFound) else 503
        shown = await _form(context, written) | {"problem": str(error), "definitions": found}
        return await context.render_page(request, session, "trigger.html", status=status, **shown)
    shown = await context.read(_nothing)
    shown |= {"trigger": trigger, "written": written, "words": describe(trigger), "once": str(uuid4())}
    shown |= {"definition": _named(found, trigger.definition_id)}
    return await context.render_page(request, session, "trigger_question.html", **shown)


async def do(context: PageContext, request: Request) -> Response:
    """Start it, and redirect to the page with the result."""
    who = await context.access.require_form(request)
    form = await read_form(request)
    once = once_of(form)
    recorder = Recorder(store=context.store, clock=context.clock, who=who, id=once)
    trigger = await _read(context, _entered(form))
    await as_refusal(trigger_pipeline(context.acting.api, trigger, recorder))
    return redirect(f"/trigger/{once}")


async def show_result(context: PageContext, request: Request) -> Response:
    """Return what was asked for, and CircleCI's answer. Raises NotFound."""
    session = await context.access.require_session(request)
    try:
        act_id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFound("there is no such act") from error
    asked, ended = await find_acts(context.store, act_id)
    if asked is None or asked.verb != "trigger":
        raise NotFound("there is no such act; acts are kept for as long as builds are")
    outcome, words = split_reason(ended.reason or "") if ended else ("under_way", UNDER_WAY)
    shown = await context.read(_nothing)
    shown |= {
        "asked": action_json(asked),
        "outcome": outcome,
        "words": words,
        "what": split_reason(asked.reason or "")[1],
    }
    return await context.render_page(request, session, "trigger_result.html", **shown)


async def _listed(context: PageContext, written: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the form, with the pipelines of its project."""
    shown = await _form(context, written)
    if not written["project"]:
        return shown
    try:
        found = await as_refusal(find_definitions(context.acting.api, await _slug(context, written["project"])))
    except (BadRequest, NotFound, Temporary) as error:
        return shown | {"problem": str(error)}
    return shown | {"definitions": found}


async def _form(context: PageContext, written: Mapping[str, str]) -> dict[str, Any]:
    return await context.read(_suggested) | {"written": written, "problem": None, "definitions": ()}


def _check_choice(found: Sequence[PipelineDefinition], trigger: Trigger) -> None:
    """Raise BadRequest unless one of several pipelines is chosen."""
    known = {one.id for one in found}
    if len(known) > 1 and trigger.definition_id is None:
        raise BadRequest(f"{trigger.project} has {len(known)} pipelines; choose one")
    if known and trigger.definition_id not in {*known, None}:
        raise BadRequest(f"{trigger.project} has no pipeline of this id; choose one of the list")


async def _read(context: PageContext, written: Mapping[str, str]) -> Trigger:
    """Return the pipeline that a form asks for. Raises BadRequest."""
    if too_long := next((name for name in FIELDS if len(written[name]) > LIMITS[name]), None):
        raise BadRequest(f"{too_long} may have {LIMITS[too_long]} characters; shorten it")
    if written["branch"] and written["tag"]:
        raise BadRequest("a pipeline runs on a branch or on a tag; leave one out")
    return Trigger(
        project=await _slug(context, written["project"]),
        branch=written["branch"] or None,
        tag=written["tag"] or None,
        parameters=to_parameters([line.strip() for line in written["parameters"].splitlines() if line.strip()]),
        definition_id=written["definition"] or None,
    )


async def _slug(context: PageContext, project: str) -> str:
    """Return the slug of a project, by its name too. Raises BadRequest."""
    try:
        return project_slug(await context.store.snapshot(find_slug, project) if project else project)
    except ValueError as error:
        raise BadRequest(
            f"project: {error}" if project else "which project? Write its slug, like gh/acme/web"
        ) from error


def _entered(written: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of the form with what was entered."""
    return {name: written.get(name, "").strip() for name in FIELDS}


def _named(found: Sequence[PipelineDefinition], definition_id: str | None) -> str | None:
    """Return the name of the chosen pipeline; its id if it has no name."""
    return next((one.name for one in found if one.id == definition_id and one.name), definition_id)


def _suggested(transaction: Transaction) -> dict[str, Any]:
    known = names.latest(transaction, "project", limit=MAX_SUGGESTED)
    return {"projects": [name for name in known if name.count("/") == 2 and slug_spellings(name)[0] == name]}


def _nothing(_transaction: Transaction) -> dict[str, Any]:
    return {}
