"""List the pipelines of projects page by page, by API v3 or v2."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.circleci.api.pipelines import ListedPipeline, RunShape
from service.circleci.circleci import CircleCI
from service.errors import Permanent
from service.model import Color, color_of, slug_spellings
from service.model.reconciling import Scan

MAX_SECOND_PAGES = 30  # of a list of what was listed before
OUTCOMES = {"succeeded": "success", "errored": "error"}  # v3's word: v2's word


@dataclass(frozen=True, kw_only=True)
class FoundPipeline:
    """A pipeline in a list.

    has_ended   None: the list does not say
    changed_at  it is older than the span, and the list says that it changed in it
    outcome     its color, if it has ended and the list says so
    """

    id: str
    project_id: str
    slug: str
    number: int | None
    created_at: datetime
    has_ended: bool | None = None
    changed_at: datetime | None = None
    outcome: Color | None = None


@dataclass(frozen=True, kw_only=True)
class PipelinePage:
    """A page of a list; ``cursor`` leads to the next one, None ends it.

    is_cut   it ended before the span did, as CircleCI lists no more than the newest of an organization
    """

    pipelines: Sequence[FoundPipeline]
    cursor: str | None
    is_cut: bool = False


async def list_page(source: CircleCI, scan: Scan) -> PipelinePage:
    """Return the page of a list that it goes on with; raises Temporary or Permanent.

    A cursor of the other API begins the list anew. Raises EndpointMissing if CircleCI lacks API v3.
    """
    version = "v3" if source.has_v3 else "v2"
    page, token = _place(scan.cursor, version)
    found = await (_search(source, scan, token) if source.has_v3 else _list(source, scan, token))
    if found.cursor is None:
        return found
    are_new = [one.created_at >= (scan.new_since or scan.since) for one in found.pipelines]
    is_enough = page >= MAX_SECOND_PAGES and not any(are_new)
    return replace(found, cursor=None if is_enough else f"{version} {page + 1} {found.cursor}")


def _place(cursor: str | None, version: str) -> tuple[int, str | None]:
    """Return the number of a page, from 1, and CircleCI's token of it."""
    of, number, token = [*(cursor or "").split(" ", 2), "", "", ""][:3]
    return (int(number), token) if of == version and number.isdecimal() and token else (1, None)


async def _search(source: CircleCI, scan: Scan, token: str | None) -> PipelinePage:
    found = await source.api.pipelines.search_runs(list(scan.projects), scan.since, scan.until, token=token)
    return PipelinePage(pipelines=list(_of_runs(found.items, scan)), cursor=found.next)


async def _list(source: CircleCI, scan: Scan, token: str | None) -> PipelinePage:
    """Return a page of API v2, which lists the projects of one organization together."""
    slug, is_of_many = next(iter(scan.projects.values())), len(scan.projects) > 1
    if len({organization_of(one) for one in scan.projects.values()}) > 1:
        raise Permanent("API v2 lists the pipelines of one organization together, and these projects are of several")
    if is_of_many:
        listed = await source.api.pipelines.pipelines(organization_of(slug), token)
    else:
        listed = await source.api.pipelines.project_pipelines(slug, token)
    is_over = _is_older(listed.items, scan.since)
    return PipelinePage(
        pipelines=list(_of_list(listed.items, scan)),
        cursor=None if is_over else listed.next,
        is_cut=is_of_many and not is_over and listed.next is None,
    )


def organization_of(slug: str) -> str:
    """Return the slug of the organization of a project's slug."""
    return slug_spellings(slug)[0].rpartition("/")[0]


def _of_runs(runs: Iterable[RunShape], scan: Scan) -> Iterable[FoundPipeline]:
    for run in runs:
        facts, project_id = run.attributes, run.references.project.id
        if project_id is None and len(scan.projects) == 1:
            project_id = next(iter(scan.projects))
        if run.id is None or facts.created_at is None or project_id not in scan.projects or project_id is None:
            continue
        has_ended = facts.phase == "ended"
        word = facts.current_outcome or ""
        yield FoundPipeline(
            id=run.id,
            project_id=project_id,
            slug=scan.projects[project_id],
            number=facts.number,
            created_at=facts.created_at,
            has_ended=has_ended,
            outcome=color_of(OUTCOMES.get(word, word)) if has_ended else None,
        )


def _of_list(listed: Iterable[ListedPipeline], scan: Scan) -> Iterable[FoundPipeline]:
    ids = {spelling: one for one, slug in scan.projects.items() for spelling in slug_spellings(slug)}
    only = next(iter(scan.projects)) if len(scan.projects) == 1 else None
    for one in listed:
        project_id = ids.get(one.project_slug or "") or only
        if one.id is None or one.created_at is None or project_id is None:
            continue
        is_changed = one.updated_at is not None and one.created_at < scan.since <= one.updated_at
        if scan.since <= one.created_at < scan.until or is_changed:
            yield FoundPipeline(
                id=one.id,
                project_id=project_id,
                slug=scan.projects[project_id],
                number=one.number,
                created_at=one.created_at,
                changed_at=one.updated_at if is_changed else None,
            )


def _is_older(listed: Collection[ListedPipeline], since: datetime) -> bool:
    """Return whether a page, newest first, reaches back beyond a time."""
    times = [one.created_at for one in listed if one.created_at is not None]
    return not times or min(times) < since


def seems_whole(found: FoundPipeline, on_record: Mapping[tuple[str, int], Sequence[Color]]) -> bool:
    """Return whether the runs on record explain a pipeline.

    A list of API v3 says what it came to, so that this can be compared; one of API v2 does not.
    """
    colors = on_record.get((found.project_id, found.number or 0), ())
    if not colors or found.has_ended is False:
        return False
    return found.outcome is None or found.outcome is overall(colors)


def overall(colors: Collection[Color]) -> Color:
    """Return the color of a pipeline: red if a run of it is, else green if one is."""
    return next((color for color in (Color.RED, Color.GREEN) if color in colors), Color.GREY)
