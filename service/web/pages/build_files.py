"""The pages of what a build ran and left, for which CircleCI is asked."""

from starlette.requests import Request
from starlette.responses import Response

from service.errors import NotFound
from service.operations import queries
from service.operations.json_shapes import Json
from service.web.pages import event as build_page
from service.web.pages.context import PageContext


async def show_config(context: PageContext, request: Request) -> Response:
    """Return the page of the configuration that a build ran."""
    session = await context.access.require_session(request)
    shown = await _read(context, request)
    config = await context.build_files.config(shown["event"]["pipeline"]["id"])
    return await context.render_page(request, session, "build_config.html", config=config, **shown)


async def show_artifacts(context: PageContext, request: Request) -> Response:
    """Return the page of the files that a build left."""
    session = await context.access.require_session(request)
    shown = await _read(context, request)
    event = shown["event"]
    jobs = (event["details"] or {}).get("jobs") or []
    if not jobs and event["job"]:
        jobs = [{"name": event["job"]["name"], "number": event["job"]["number"], "status": event["status"]}]
    left = await context.build_files.artifacts(event["project"]["slug"], jobs)
    return await context.render_page(request, session, "build_artifacts.html", left=left, **shown)


async def _read(context: PageContext, request: Request) -> Json:
    """Return the event of a build, for a page that does not follow changes.

    Raises NotFound.
    """
    shown = await context.read(build_page.read, queries.to_id(request.path_params["id"]))
    if "event" not in shown:
        raise NotFound("this webhook tells of no build")
    return shown | {"version": None}
