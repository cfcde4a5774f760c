"""Projects under ``hooks`` that no route fits: they post, and no one is told."""

from datetime import UTC, datetime
from uuid import UUID

from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary
from service.model import Event, EventKind, Project
from service.routing.route_index import RouteIndex

_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # no route tests it


async def describe_unheard(source: CircleCI, slug: str, routes: RouteIndex) -> str | None:
    """Return the sentence on a project that no route fits; None where one does.

    A slug of the GitHub App is made of ids, so CircleCI is asked for the name that routes may have in its place.
    """
    if _is_heard(slug, None if slug.startswith("circleci/") else slug.partition("/")[2], routes):
        return None
    name = await _name_of(source, slug) if slug.startswith("circleci/") else slug.partition("/")[2]
    if _is_heard(slug, name, routes):
        return None
    org = (name or "").partition("/")[0]
    called = (
        f"; CircleCI calls it {name}, so {name} or {org}/* fits it" if name and slug.startswith("circleci/") else ""
    )
    return f"no route hears of it: none has a `project` in its match that fits{called}"


def _is_heard(slug: str, name: str | None, routes: RouteIndex) -> bool:
    project = Project(slug=slug, name=name)
    event = Event(
        id=UUID(int=0),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="check",
        happened_at=_TIME,
        received_at=_TIME,
        project=project,
    )
    return routes.fits_by(event, {"project"})


async def _name_of(source: CircleCI, slug: str) -> str | None:
    try:
        found = await source.admin_api.project(slug)
    except (Temporary, Permanent):
        return None
    return f"{found.organization_name}/{found.name}" if found.organization_name and found.name else None
