"""The pages of one project, and of one workflow of it."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations.json_shapes import Json
from service.operations.overviews.project_names import Place, find_exact, find_place
from service.operations.overviews.project_page import read_project
from service.operations.overviews.workflow_page import OnBranch, read_workflow
from service.store.events.filters import escaped
from service.web.pages.addresses import BY_NAME, project_address, twin_of, workflow_address
from service.web.pages.asked import read_given
from service.web.pages.context import PageContext
from service.web.pages.refresh import may_refresh

PARAMETERS = ("project", "workflow", "branch", "tags")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The names of an address: in its path, or in its query.

    tags   runs of tags and of no branch are meant: these have no branch to name
    """

    words: str
    project: str | None = None
    workflow: str | None = None
    branch: str | None = None
    tags: str | None = None


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of a project, or of a workflow of it."""
    session = await context.access.require_session(request)
    shown = await context.read(_read, context, read_asked(request))
    return await context.render_page(request, session, shown.pop("shown_by"), is_live=may_refresh(request), **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of a project or a workflow shows as JSON."""
    await context.access.require(request)
    return JSONResponse(await context.store.snapshot(_read_rows, context, read_asked(request)))


def read_asked(request: Request) -> Asked:
    """Return the names that a request asks for. Raises BadRequest."""
    given = read_given(request.query_params)
    if unknown := next((name for name in given if name not in PARAMETERS), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(PARAMETERS)}")
    words: str = request.path_params["name"]
    named = {name: value for name, value in given.items() if value}
    if words == BY_NAME and "project" not in named:
        raise BadRequest("project is missing; write its name or its slug")
    if named.get("tags", "1") != "1" or {"tags", "branch"} <= named.keys():
        raise BadRequest("tags must be 1, and stands in place of a branch")
    return Asked(words=words, **named)


def _find(transaction: Transaction, asked: Asked) -> Place:
    if asked.project is not None:
        return find_exact(transaction, asked.project, asked.workflow)
    if asked.workflow is not None:
        return find_exact(transaction, asked.words, asked.workflow)
    return find_place(transaction, asked.words)


def _read_rows(transaction: Transaction, context: PageContext, asked: Asked) -> Json:
    """Return the rows of a page. Raises BadRequest for the name of two projects."""
    place = _find(transaction, asked)
    if place.others:
        slugs = " or ".join(one.slug or "one without a slug" for one in (place.project, *place.others))
        raise BadRequest(f"{(asked.project or asked.words)!a} may be {slugs}; write the whole of it")
    return _rows_of(transaction, context, place, asked)


def _rows_of(transaction: Transaction, context: PageContext, place: Place, asked: Asked) -> Json:
    now, setting = context.clock(), context.setting()
    if place.workflow is None:
        if asked.branch or asked.tags:
            raise BadRequest("branch and tags mean nothing without a workflow; write acme/web/WORKFLOW?branch=main")
        return read_project(transaction, place.project, now, months=context.months, setting=setting)
    where = OnBranch(workflow=place.workflow, branch=asked.branch, tags=asked.tags is not None)
    return read_workflow(transaction, place.project, where, now)


def _read(transaction: Transaction, context: PageContext, asked: Asked) -> Json:
    """Return what a page shows, and its template."""
    place = _find(transaction, asked)
    if place.others:
        return {"shown_by": "same_names.html", "choices": _choices(place), "written": asked.project or asked.words}
    shown = _rows_of(transaction, context, place, asked)
    if place.workflow is None:
        return shown | {"shown_by": "project.html", **_links(context, shown)}
    return shown | {
        "shown_by": "workflow.html",
        "twin": twin_of(_here(shown)),
        "plain": _here(shown | {"branch": None}),
    }


def _here(shown: Json) -> str:
    name = shown["project_name"] or shown["project"]
    return workflow_address(name, shown["workflow"], shown["branch"])


def _choices(place: Place) -> list[Json]:
    """Return the projects of one name, each by its slug."""
    return [
        {
            "slug": one.slug,
            "address": (workflow_address(one.slug, place.workflow) if place.workflow else project_address(one.slug)),
        }
        for one in (place.project, *place.others)
        if one.slug
    ]


def _links(context: PageContext, shown: Json) -> Json:
    """Return the addresses of a project: its page, its badge and its feeds."""
    slug = str(shown["project"] or shown["project_name"])
    feeds = {
        "badge": f"/badge/{quote(slug)}.svg",
        "badge for shields.io": f"/badge/{quote(slug)}.json",
        "feed of its builds": f"/feed.atom?{urlencode({'project': escaped(slug)})}",
        "cctray.xml": f"/cctray.xml?{urlencode({'project': slug})}",
        "board": f"/board?{urlencode({'project': escaped(slug)})}",
    }
    here = project_address(str(shown["project_name"]))
    return {
        "here": here,
        "twin": twin_of(here),
        "feeds": {name: context.access.signed(address) for name, address in feeds.items()},
        "are_signed": context.access.has_signed_addresses,
    }
