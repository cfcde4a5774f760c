"""List the pipelines of projects page by page, by API v3 or v2."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.circleci.api.pipelines import ListedPipeline, RunShape
from service.circleci.circleci import CircleCI
from service.model import Color, color_of, slug_spellings
from service.model.reconciling import Scan

OUTCOMES = {"succeeded": "success", "errored": "error"}  # v3's word: v2's word


@dataclass(frozen=True, kw_only=True)
class FoundPipeline:
    """A pipeline in a list.

    has_ended   None: the list does not say
    outcome     its color, if it has ended and the list says so
    """

    id: str
    project_id: str
    slug: str
    number: int | None
    created_at: datetime
    has_ended: bool | None = None
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

    At a CircleCI Server the projects of a list are of one organization, or one alone.
    """
    if source.has_v3:
        found = await source.api.pipelines.search_runs(list(scan.projects), scan.since, scan.until, token=scan.cursor)
        return PipelinePage(pipelines=list(_of_runs(found.items, scan)), cursor=found.next)
    slug, is_of_many = next(iter(scan.projects.values())), len(scan.projects) > 1
    if is_of_many:
        listed = await source.api.pipelines.pipelines(organization_of(slug), scan.cursor)
    else:
        listed = await source.api.pipelines.project_pipelines(slug, scan.cursor)
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
        if scan.since <= one.created_at < scan.until:
            yield FoundPipeline(
                id=one.id,
                project_id=project_id,
                slug=scan.projects[project_id],
                number=one.number,
                created_at=one.created_at,
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
